"""BERT-base's forward pass as other engines run it: the twin of `crates/aquifer-model/examples/encoder.rs`.

Written for Python 3.11, torch 2.15.0, transformers 5.23.0, onnxruntime 1.32.0, OpenVINO 2026.4.1. The weights are those
that our side exported; the ONNX graphs are made from `transformers`' model, one for each length, and fused by each
engine as it sees fit.

    python encoder.py ENGINE --weights FOLDER [--batch B] [--lengths T,T,...] [--threads N]

Engines: torch-f32, torch-bf16, torch-autocast, compiled-f32, compiled-bf16, onnxruntime-f32, openvino-f32,
openvino-bf16. Runs as many times as each number on standard input says; one JSON object a time goes to standard
output: for each length the seconds and the first numbers of the last hidden state. The first line holds versions.

    python encoder.py export --weights FOLDER

makes the graphs `T.onnx` in the folder, which the last three read.
"""

import argparse
import json
import os
import sys
import time
import warnings
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

import numpy as np

VOCAB = 30_522


def ids(batch, length):
    """Made-up texts, the same in `encoder.rs`."""
    return (np.arange(batch * length, dtype=np.int64) * 7919 % VOCAB).reshape(batch, length)


def bert(args, attention="sdpa"):
    import torch
    from transformers import BertModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.set_num_threads(args.threads)
    model = BertModel.from_pretrained(args.weights, add_pooling_layer=False, attn_implementation=attention)
    return model.eval()


def torch_engine(args, kind, precision):
    import torch

    model = bert(args)
    if precision == "bf16":
        model = model.bfloat16()
    if kind == "compiled":
        model = torch.compile(model, dynamic=False)

    def run(tokens):
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "autocast"):
            return model(input_ids=torch.from_numpy(tokens)).last_hidden_state

    return lambda tokens: run(tokens).float().numpy(), {"torch": torch.__version__}


def onnxruntime_engine(args, *_):
    import onnxruntime

    sessions = {}
    for length in args.lengths:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = args.threads
        path = str(Path(args.weights) / f"{length}.onnx")
        sessions[length] = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    run = lambda tokens: sessions[tokens.shape[1]].run(None, {"input_ids": tokens})[0]
    return run, {"onnxruntime": onnxruntime.__version__}


def openvino_engine(args, _, precision):
    import openvino

    core, models = openvino.Core(), {}
    settings = {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": args.threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    for length in args.lengths:
        models[length] = core.compile_model(str(Path(args.weights) / f"{length}.onnx"), "CPU", settings)
    return lambda tokens: models[tokens.shape[1]]([tokens])[0], {"openvino": openvino.__version__}


def export(args):
    import torch

    class Hidden(torch.nn.Module):
        def __init__(self):
            super().__init__()
            # Plain products and a softmax, which both engines know how to fuse.
            self.bert = bert(args, "eager")

        def forward(self, input_ids):
            return self.bert(input_ids=input_ids).last_hidden_state

    warnings.simplefilter("ignore")
    model = Hidden()
    for length in args.lengths:
        path = Path(args.weights) / f"{length}.onnx"
        names = dict(input_names=["input_ids"], output_names=["hidden"])
        torch.onnx.export(model, (torch.from_numpy(ids(args.batch, length)),), path, dynamo=False, **names)


ENGINES = {
    "torch": torch_engine,
    "compiled": torch_engine,
    "onnxruntime": onnxruntime_engine,
    "openvino": openvino_engine,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("engine")
    parser.add_argument("--weights", required=True)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--lengths", type=lambda text: [int(t) for t in text.split(",")], default=[128, 512])
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    args = parser.parse_args()
    if args.engine == "export":
        return export(args)
    kind, precision = args.engine.split("-")
    run, versions = ENGINES[kind](args, kind, precision)
    print(json.dumps({"threads": args.threads, **versions}), flush=True)
    texts = {length: ids(args.batch, length) for length in args.lengths}
    for line in sys.stdin:
        for _ in range(int(line)):
            result = {}
            for length, tokens in texts.items():
                start = time.perf_counter()
                hidden = run(tokens)
                seconds = time.perf_counter() - start
                result[str(length)] = {"seconds": seconds, "hidden": hidden[-1, -1, :8].tolist()}
            print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
