//! Flags of every command that asks a model, and how it is asked: the cost first, then each question once.

use crate::context::Context;
use anyhow::{Context as _, ensure};
use aquifer_client::{Asker, Endpoint, EndpointOptions, Estimate, Journal, Key, Price};
use aquifer_record::figures::count;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Whom to ask
#[derive(clap::Args, Debug, Clone)]
#[command(next_help_heading = "Whom to ask")]
pub(crate) struct AskArgs {
    /// Address of any OpenAI-compatible endpoint, `aquifer serve` among them, such as http://localhost:8080/v1
    #[arg(long, value_name = "URL")]
    endpoint: String,
    /// The model's name there
    #[arg(long, value_name = "NAME")]
    pub(crate) model: String,
    /// Environment variable that holds the API key [default: AQUIFER_API_KEY, if it is set]
    #[arg(long, value_name = "VARIABLE")]
    key_env: Option<String>,
    /// Questions asked at the same time
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=256))]
    at_once: u64,
    /// Seconds after which an answer is given up
    #[arg(long, default_value_t = 120, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    /// How often a question is sent again after an error that may pass (429, 5xx, no answer, half an answer)
    #[arg(long, default_value_t = 6, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=100))]
    retries: u32,
    /// Proxy to go through, such as http://proxy:3128
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
    /// File that keeps every answer as it comes, so that none is asked for twice [default: beside --out, .asked.jsonl]
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Price of a million tokens of questions, for the estimate and --spend-at-most
    #[arg(long, value_name = "PRICE", default_value_t = 0.0, value_parser = price)]
    price_in: f64,
    /// Price of a million tokens of answers, for the estimate and --spend-at-most
    #[arg(long, value_name = "PRICE", default_value_t = 0.0, value_parser = price)]
    price_out: f64,
    /// Stop once this sitting's answers have cost as much, at these prices and as the endpoint counts tokens; what was
    /// answered is kept, and the same command goes on
    #[arg(long, value_name = "PRICE", value_parser = price)]
    spend_at_most: Option<f64>,
    /// Ask; without it the command only says what it would cost
    #[arg(long, short)]
    yes: bool,
}

fn price(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|price| price.is_finite() && *price >= 0.0);
    number.ok_or_else(|| "it should be a number, 0 or more".to_owned())
}

/// What asking took.
#[derive(Serialize)]
pub(crate) struct Spent {
    prompt_tokens: u64,
    completion_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<f64>,
}

impl AskArgs {
    /// Where questions go; nothing is sent yet.
    pub(crate) fn endpoint(&self) -> anyhow::Result<Endpoint> {
        let name = self.key_env.as_deref().unwrap_or("AQUIFER_API_KEY");
        let key = match std::env::var(name) {
            Ok(key) if !key.trim().is_empty() => Some(Key::new(&key).with_context(|| format!("reading ${name}"))?),
            _ => {
                ensure!(self.key_env.is_none(), "the environment variable {name}, named by --key-env, is not set");
                None
            }
        };
        let options = EndpointOptions {
            timeout: Duration::from_secs(self.timeout),
            retries: self.retries,
            proxy: self.proxy.clone(),
            ..EndpointOptions::default()
        };
        Ok(Endpoint::new(&self.endpoint, key, options)?)
    }

    /// Asks the endpoint and keeps the answers; `out` is the file the command will write.
    pub(crate) fn asker<'a>(&self, endpoint: &'a Endpoint, out: &Path, ctx: &'a Context) -> anyhow::Result<Asker<'a>> {
        let path = self.journal.clone().unwrap_or_else(|| beside(out));
        let asker = Asker::new(endpoint, Journal::open(&path)?, self.at_once as usize, ctx.progress(), ctx.stop());
        let Some(at_most) = self.spend_at_most else { return Ok(asker) };
        ensure!(self.price() != Price::default(), "--spend-at-most needs the prices: --price-in, --price-out");
        Ok(asker.within(self.price(), at_most))
    }

    /// Says what it will cost; whether to go on. `more` tells of questions that depend on the answers to these.
    pub(crate) fn agreed(&self, estimate: &Estimate, more: Option<&str>, ctx: &Context) -> anyhow::Result<bool> {
        let Estimate { questions, answered, prompt_tokens, completion_tokens_at_most } = *estimate;
        let cost = self.cost(estimate.usage());
        let mut line = format!(
            "{} questions to {} at {}: about {} tokens to read, at most {} to write",
            count(questions as u64),
            self.model,
            self.endpoint,
            count(prompt_tokens),
            count(completion_tokens_at_most)
        );
        if let Some(cost) = cost {
            line += &format!(", at most {cost:.2} at the prices given");
        }
        if answered > 0 {
            line += &format!("; {} are answered already", count(answered as u64));
        }
        if let Some(more) = more {
            line += &format!(". {more}");
        }
        if self.yes || questions == 0 {
            ctx.say(line);
            return Ok(true);
        }
        match ctx.json {
            true => ctx.print_json(&serde_json::json!({"estimate": estimate, "cost_at_most": cost}))?,
            false => println!("{line}\nnothing was asked yet: say --yes to go on"),
        }
        Ok(false)
    }

    /// What this sitting took, as the endpoint counted.
    pub(crate) fn spent(&self, asker: &Asker) -> Spent {
        let usage = asker.spent();
        Spent { prompt_tokens: usage.prompt_tokens, completion_tokens: usage.completion_tokens, cost: self.cost(usage) }
    }

    fn cost(&self, usage: aquifer_client::Usage) -> Option<f64> {
        (self.price() != Price::default()).then(|| self.price().of(usage))
    }

    fn price(&self) -> Price {
        Price { prompt: self.price_in, completion: self.price_out }
    }
}

/// `labels.jsonl.zst` keeps its answers in `labels.asked.jsonl`.
fn beside(out: &Path) -> PathBuf {
    let name = out.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = name.split(".jsonl").next().unwrap_or_default();
    out.with_file_name(format!("{stem}.asked.jsonl"))
}
