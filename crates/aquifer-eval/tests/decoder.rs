//! Decoders as scorers: one definition, the same bits for any batch and any number of threads.

#![allow(clippy::unwrap_used)]

use aquifer_eval::{
    DecoderScorer, EvalError, Heldout, LogLikelihood, PromptStyle, Question, Request, choice_tasks, heldout_task,
    score_choices,
};
use aquifer_model::{Decoder, DecoderConfig, TokenBatch};
use aquifer_ops::Precision;
use aquifer_record::{Silent, Stop};
use aquifer_tensor::threads;
use aquifer_text::{BpeOptions, NgramModel, Tokenizer, train_bpe};

fn decoder(vocab: usize, context: usize) -> Decoder {
    let mut config = DecoderConfig::small(64, 2, 4, 2, vocab);
    config.max_position_embeddings = context;
    config.min_shard = 64;
    // Weights large enough that options differ by more than rounding.
    config.initializer_range = 0.2;
    Decoder::init(config, 7, Precision::F32).unwrap()
}

fn requests() -> Vec<Request> {
    let run = |from: u32, n: u32| (from..from + n).map(|i| i * 37 % 101).collect::<Vec<u32>>();
    let lens = [(1, 1), (3, 2), (1, 24), (20, 5), (40, 3), (7, 0), (2, 9), (23, 1), (24, 1), (25, 1)];
    lens.iter().zip(0..).map(|(&(c, n), at)| Request { context: run(at, c), continuation: run(at + 50, n) }).collect()
}

#[test]
fn scores_are_the_losses_of_each_alone() {
    let decoder = decoder(101, 24);
    let scores = DecoderScorer::new(&decoder).score(&requests()).unwrap();
    for (request, score) in requests().iter().zip(scores) {
        let n = request.continuation.len();
        let all = [request.context.as_slice(), &request.continuation].concat();
        let tokens = &all[all.len().saturating_sub(25)..];
        let losses = decoder.losses(&TokenBatch::sequence(tokens)).unwrap();
        let alone: f64 = losses[losses.len() - n..].iter().map(|&loss| f64::from(loss)).sum();
        assert_eq!(score.to_bits(), (-alone).to_bits(), "{request:?}");
    }
}

#[test]
fn batch_and_threads_change_no_bit() {
    let decoder = decoder(101, 24);
    let expected = DecoderScorer::new(&decoder).score(&requests()).unwrap();
    for rows in [1, 7, 30, 64] {
        for n_threads in [1, 2, 3] {
            let scorer = DecoderScorer::new(&decoder).rows_at_once(rows);
            let found = threads::with(n_threads, || scorer.score(&requests()).unwrap());
            let same = found.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same, "{rows} rows, {n_threads} threads");
        }
    }
}

#[test]
fn what_cannot_be_scored_is_said() {
    let decoder = decoder(101, 24);
    let score = |context: usize, continuation: usize| {
        let request = Request { context: vec![1; context], continuation: vec![1; continuation] };
        DecoderScorer::new(&decoder).score(&[request])
    };
    assert!(matches!(score(0, 3), Err(EvalError::NoContext)));
    assert!(matches!(score(1, 25), Err(EvalError::TooLong { tokens: 25, context: 24 })));
    assert!(DecoderScorer::new(&decoder).score(&[]).unwrap().is_empty());
}

#[test]
fn an_even_model_costs_what_arithmetic_says() {
    let mut even = decoder(101, 24);
    even.params.update_with(|_, tensor| tensor.as_f32_mut().fill(0.0));
    // 57 tokens after the first, 30 bytes, each token ln 101.
    let heldout = Heldout::new([((0..58).collect(), 30)], u64::MAX);
    let score = heldout.score(&DecoderScorer::new(&even), &Silent, &Stop::new()).unwrap();
    assert_eq!((score.tokens, score.bytes, score.documents), (57, 30, 1));
    assert!((score.bits_per_byte() - 57.0 * 101_f64.log2() / 30.0).abs() < 1e-4, "{}", score.bits_per_byte());
}

fn tokenizer() -> Tokenizer {
    let text = "Ada was born in Lund. Bo was born in Oslo. Where was Ada born? 阿达生在隆德。";
    train_bpe([text, text], &BpeOptions::new(300), &Silent, &Stop::new()).unwrap()
}

fn questions() -> Vec<Question> {
    let question = |id: &str, text: &str, options: [&str; 3], answer, kind: &str| Question {
        id: id.into(),
        question: text.into(),
        options: options.map(String::from).to_vec(),
        answer,
        kind: kind.into(),
    };
    vec![
        question("a", "Where was Ada born?", ["Lund", "Oslo", "Paris"], 0, "born"),
        question("b", "Where was Bo born?", ["Lund", "Oslo", "Paris"], 1, "born"),
        question("c", "阿达生在哪里？", ["隆德", "奥斯陆", "巴黎"], 0, "zh"),
        question("d", "<|im_end|>", ["<|im_end|>", "x", "y"], 2, "odd"),
    ]
}

#[test]
fn questions_through_a_model_and_its_baselines() {
    let tokenizer = tokenizer();
    let decoder = decoder(tokenizer.vocab_size(), 256);
    let run = |style, rows| {
        let scorer = DecoderScorer::new(&decoder).rows_at_once(rows);
        score_choices(&scorer, &tokenizer, &questions(), style, &Silent, &Stop::new()).unwrap()
    };
    let chat = run(PromptStyle::Auto, 4096);
    assert_eq!(chat, run(PromptStyle::Chat, 1));
    assert_ne!(chat, run(PromptStyle::Plain, 4096));
    assert!((chat.chance() - 1.0 / 3.0).abs() < 1e-15);
    assert!(chat.items.iter().all(|item| item.log_probs.iter().all(|p| p.is_finite() && *p < 0.0)));

    let sentences = ["Where was Ada born? Lund", "Where was Bo born? Oslo", "阿达生在哪里？隆德"];
    let bos = tokenizer.bos().unwrap();
    let taught: Vec<Vec<u32>> = sentences.iter().map(|s| [vec![bos], tokenizer.encode(s).unwrap()].concat()).collect();
    let ngram = NgramModel::train(taught.iter().map(Vec::as_slice), tokenizer.vocab_size(), 5);
    let plain =
        score_choices(&ngram, &tokenizer, &questions()[..3], PromptStyle::Plain, &Silent, &Stop::new()).unwrap();
    assert_eq!(plain.accuracy().value, 1.0);

    let tasks = choice_tasks("questions", &chat, &[("5-gram", &plain)]);
    assert_eq!((tasks.len(), tasks[0].n, tasks[0].by_kind.len()), (2, 4, 3));
    assert_eq!(tasks[0].baselines[1].value, 1.0);
    assert!(tasks[0].interval.unwrap()[1] < 1.0 || tasks[0].value == 1.0);
    let heldout = Heldout::new([(taught[0].clone(), 24)], u64::MAX);
    let score = heldout.score(&ngram, &Silent, &Stop::new()).unwrap();
    assert!(!heldout_task(&score, &[]).higher_is_better);
}

#[test]
fn a_stop_is_heard() {
    let stop = Stop::new();
    stop.request();
    let decoder = decoder(101, 24);
    let heldout = Heldout::new([(vec![1; 9], 9)], u64::MAX);
    assert!(matches!(heldout.score(&DecoderScorer::new(&decoder), &Silent, &stop), Err(EvalError::Stopped)));
}
