"""Speed against other programs on this machine, both sides in turn: `cargo xtask peers [NAME ...] [--rounds N]`.

Written for Python 3.11, torch 2.15.0. Each comparison is a function below; without names all of them run.
A ratio is of medians over rounds, with the 95 % interval of a bootstrap over rounds (both sides of a round are
drawn together, since they shared the machine's mood).
"""

import argparse
import json
import math
import os
import platform
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PEERS = Path(__file__).resolve().parent
OURS = ROOT / "target" / os.environ.get("AQUIFER_PROFILE", "release")
# Keeps memory between steps and asks for huge pages: an unchanged PyTorch at its best.
TUNED_MALLOC = ":".join(
    f"glibc.malloc.{key}"
    for key in ("mmap_threshold=8589934592", "trim_threshold=8589934592", "mmap_max=0", "hugetlb=1")
)


def gpt_step(rounds):
    """A training step of the benchmark's GPT, against PyTorch eager and compiled, malloc as shipped and tuned."""
    return training_step(rounds, size=[])


def gpt_step_large(rounds):
    """The same for 12 layers, d 768, T 512, B 4, V 32768."""
    return training_step(max(1, rounds // 4), size=["--large"])


def training_step(rounds, size):
    """Ours beside eager and compiled in each precision and malloc; never more than three at once, for memory's sake."""
    results, ok = {}, True
    with tempfile.TemporaryDirectory() as weights:
        ours = [OURS / "examples" / "gpt_step", *size, "--on-demand", "--precision"]
        twin = [sys.executable, PEERS / "gpt_step.py", *size, "--weights", weights, "--on-demand", "--precision"]
        subprocess.run([ours[0], *size, "--export", weights], check=True)
        for precision in ("bf16", "f32"):
            for malloc, env in (("as shipped", {}), ("tuned malloc", {"GLIBC_TUNABLES": TUNED_MALLOC})):
                sides = {
                    "aquifer": OnDemand([*ours, precision]),
                    "eager": OnDemand([*twin, precision], env),
                    "compiled": OnDemand([*twin, precision, "--compile"], env),
                }
                first = {name: side.steps(4) for name, side in sides.items()}
                losses = [[step["loss"] for step in side] for side in first.values()]
                apart = max(abs(a - b) for twin_losses in losses[1:] for a, b in zip(losses[0], twin_losses))
                times = interleave(sides, rounds, lambda side: median_of(side.steps(1), "seconds"))
                tokens = first["aquifer"][0]["tokens_per_second"] * first["aquifer"][0]["seconds"]
                print(f"  {precision}, {malloc}: losses over four steps at most {apart:.5f} apart (0.02 allowed)")
                for name, seconds in times.items():
                    rates = sorted(tokens / s for s in seconds)
                    shown = f"{statistics.median(rates):8,.0f} tokens/s  [{rates[0]:,.0f} to {rates[-1]:,.0f}]"
                    ratio = compare(seconds, times["aquifer"])
                    print(f"    {name:<9} {shown}" + (f"   aquifer: {show(ratio)}" if name != "aquifer" else ""))
                    results[f"{precision} {malloc} {name}"] = ratio
                    ok = ok and ratio[0] >= 1 and apart < 0.02
    return {"ratios": results, "ok": ok}


def same_bits(rounds):
    """What a fixed order costs: the step at shipped shards and lanes beside the same kernels with single chains."""
    results, ok = {}, True
    for name, size, count in (("6 layers, d 384", [], rounds), ("12 layers, d 768", ["--large"], max(1, rounds // 3))):
        ours = [OURS / "examples" / "gpt_step", *size, "--on-demand"]
        sides = {"shipped": OnDemand(ours), "single": OnDemand([*ours, "--single-chains"])}
        for side in sides.values():
            side.steps(2)
        times = interleave(sides, count, lambda side: median_of(side.steps(1 if size else 3), "seconds"))
        ratio = results[name] = compare(times["shipped"], times["single"])
        print(f"  {name:<18} time at shipped shards and lanes over single chains: {show(ratio)}")
        ok = ok and ratio[0] <= 1.1
    return {"ratios": results, "ok": ok}


def attention(rounds):
    """Causal attention, forward and backward, ours in f32, against PyTorch's fused one in f32 and in bf16."""
    ratios = {}
    for shape in ([8, 6, 256, 64], [4, 12, 512, 64], [1, 32, 4096, 128]):
        extents = [str(n) for n in shape]
        twin = [sys.executable, PEERS / "attention.py", *extents, "--precision"]
        sides = {
            "aquifer": OnDemand([OURS / "examples" / "attention_step", *extents]),
            "f32": OnDemand([*twin, "f32"]),
            "bf16": OnDemand([*twin, "bf16"]),
        }
        for side in sides.values():
            side.steps(2)
        times = interleave(sides, rounds, lambda side: side.steps(5 if shape[2] < 1024 else 1))
        for which in ("forward", "backward"):
            seconds = {name: [median_of(steps, which) for steps in rounds] for name, rounds in times.items()}
            print(f"  {shape} {which:<8} {statistics.median(seconds['aquifer']) * 1e3:9.3f} ms")
            for precision in ("f32", "bf16"):
                ratio = compare(seconds[precision], seconds["aquifer"])
                ratios[f"{'x'.join(extents)} {which} {precision}"] = ratio
                print(f"    aquifer / PyTorch {precision:<4} {show(ratio)}")
    return {"ratios": ratios, "ok": all(ratio[0] >= 1 for name, ratio in ratios.items() if name.endswith(" f32"))}


def shakespeare(rounds):
    """Shakespeare by characters to nanoGPT's 1.905 nats, against PyTorch eager f32 running nanoGPT's CPU recipe."""
    text = data() / "lm_text" / "tinyshakespeare.txt"
    recipe = ROOT / "recipes" / "shakespeare-char.toml"
    seconds, losses = {"aquifer": [], "PyTorch": []}, {"aquifer": [], "PyTorch": []}
    for _ in range(max(1, rounds // 5)):
        with tempfile.TemporaryDirectory() as runs:
            command = [OURS / "aquifer", "train", recipe, "--json", "--quiet", "--runs", runs, "--set", f"data={text}"]
            results = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["results"]
        seconds["aquifer"].append(results["train_seconds"])
        losses["aquifer"].append(results["heldout_loss"])
        twin = subprocess.run([sys.executable, PEERS / "shakespeare.py", text], check=True, stdout=subprocess.PIPE)
        result = json.loads(twin.stdout)
        seconds["PyTorch"].append(result["seconds"])
        losses["PyTorch"].append(result["loss"])
    for name in seconds:
        print(f"  {name:<10} {statistics.median(seconds[name]):7.1f} s to {statistics.median(losses[name]):.4f} nats")
    ratio = compare(seconds["PyTorch"], seconds["aquifer"])
    print(f"  aquifer / PyTorch    {show(ratio)}")
    loss = statistics.median(losses["aquifer"])
    return {"ratio": ratio, "loss": loss, "ok": loss <= 1.905 and ratio[0] >= 3}


def products(rounds):
    """Matrix products of row-major operands, packing included, against the best call of PyTorch and of NumPy."""
    sides = {
        "ours": OnDemand([OURS / "examples" / "products", "--on-demand"]),
        "theirs": OnDemand([sys.executable, PEERS / "products.py", "--on-demand"]),
    }
    peaks = sides["ours"].read()
    print(f"  register peaks: f32 FMA {peaks['f32']:,.0f}, vdpbf16ps {peaks['bf16']:,.0f} GFLOP/s")
    for side in sides.values():
        side.steps(2)
    times = {}
    for name, measured in interleave(sides, rounds, lambda side: side.steps(1)[0]).items():
        for shapes in measured:
            for shape, calls in shapes.items():
                for call, seconds in calls.items():
                    times.setdefault(shape, {}).setdefault((name, call), []).append(seconds)
    results, ok = {}, True
    for shape, calls in times.items():
        gflop = 2e-9 * math.prod(map(int, shape.split("x")))
        for call in ("f32", "f32 packed", "bf16", "bf16 packed", "bf16 out"):
            dtype, seconds = call.split()[0], calls["ours", call]
            peers = [key for key in calls if key[0] == "theirs" and key[1].startswith(dtype)]
            best = min(peers, key=lambda key: statistics.median(calls[key]))
            speed, ratio = gflop / statistics.median(seconds), compare(calls[best], seconds)
            share = f"{100 * speed / peaks[dtype]:3.0f} %" if peaks[dtype] else ""
            theirs = f"{gflop / statistics.median(calls[best]):5,.0f} by {best[1].removeprefix(dtype + ' ')}"
            print(f"  {shape:<15} {call:<12} {speed:5,.0f} GFLOP/s {share}   {theirs:<22} {show(ratio)}")
            results[f"{shape} {call}"] = ratio
            ok = ok and ratio[0] >= 1
    return {"peaks": peaks, "ratios": results, "ok": ok}


def encoder(rounds):
    """BERT-base's forward pass over 8 texts of 128 and of 512 tokens, against the best of four other engines."""
    torch_bf16 = ("torch-bf16", "torch-autocast", "compiled-bf16")
    peers = {"bf16": (*torch_bf16, "openvino-bf16"), "f32": ("torch-f32", "compiled-f32", "onnxruntime-f32", "openvino-f32")}
    results, ok = {}, True
    with tempfile.TemporaryDirectory() as weights:
        ours, twin = OURS / "examples" / "encoder", [sys.executable, PEERS / "encoder.py"]
        subprocess.run([ours, "--export", weights], check=True)
        subprocess.run([*twin, "export", "--weights", weights], check=True)
        for precision, engines in peers.items():
            sides = {"aquifer": OnDemand([ours, "--precision", precision])}
            for engine in engines:
                sides[engine] = OnDemand([*twin, engine, "--weights", weights], {"GLIBC_TUNABLES": TUNED_MALLOC})
            versions = {key: value for name in engines for key, value in sides[name].read().items()}
            print(f"  {precision}: {', '.join(f'{key} {value}' for key, value in versions.items())}, tuned malloc")
            # What is compiled is compiled here.
            first = {name: side.steps(2)[1] for name, side in sides.items()}
            times = interleave(sides, rounds, lambda side: side.steps(1)[0])
            for length in first["aquifer"]:
                seconds = {name: [step[length]["seconds"] for step in steps] for name, steps in times.items()}
                hidden = first["aquifer"][length]["hidden"]
                best = min(engines, key=lambda name: statistics.median(seconds[name]))
                for name in sides:
                    rate = 8 * int(length) / statistics.median(seconds[name])
                    apart = max(abs(a - b) for a, b in zip(hidden, first[name][length]["hidden"]))
                    ok = ok and apart < (0.1 if precision == "bf16" else 1e-4)
                    line = f"    T {length:<4} {name:<16} {rate:8,.0f} tokens/s"
                    if name == "aquifer":
                        print(line)
                        continue
                    ratio = results[f"{length} {name}"] = compare(seconds[name], seconds["aquifer"])
                    mark = " best" if name == best else ""
                    print(f"{line}   aquifer: {show(ratio)}   hidden states {apart:.0e} apart{mark}")
                    ok = ok and ratio[0] >= 1
    return {"ratios": results, "ok": ok}


def memory_bound(rounds):
    """Norms, gates, softmax, rotary positions and AdamW beyond every cache: shares of bandwidth, and against PyTorch."""
    about, ours, theirs, peaks = beyond_cache(rounds, "memory-bound", "memory_bound.py")
    results, ok = {}, True
    for name, seconds in ours.items():
        forms = {form: theirs[form] for form in (name, f"{name} compiled") if form in theirs}
        best = min(forms, key=lambda form: statistics.median(forms[form]))
        share = share_of(about[name], seconds, peaks)
        ratio = compare(forms[best], seconds)
        form = "compiled" if best.endswith("compiled") else "eager"
        print(f"  {name:<20} {statistics.median(seconds) * 1e3:7.2f} ms  {show_share(share)}   {show(ratio)}  {form}")
        results[name] = {"share": share, "ratio": ratio}
        ok = ok and share[0] >= 0.8 and ratio[0] >= 1
    return {"peaks": peaks, "results": results, "ok": ok}


def gemv(rounds):
    """One row through a weight of [16384, 4096]: shares of bandwidth, and against PyTorch and NumPy."""
    about, ours, theirs, peaks = beyond_cache(rounds, "matrix-vector", "gemv.py")
    results, ok = {}, True
    for name, seconds in ours.items():
        share = share_of(about[name], seconds, peaks)
        print(f"  {name:<26} {statistics.median(seconds) * 1e3:7.2f} ms  {show_share(share)}")
        kind = next(kind for kind in ("f32", "bf16", "int8", "int4") if kind in name)
        results[name] = {"share": share}
        for peer in (peer for peer in theirs if peer.startswith(kind)):
            ratio = results[name][peer] = compare(theirs[peer], seconds)
            print(f"    {peer:<24} {statistics.median(theirs[peer]) * 1e3:7.2f} ms{'':<33}{show(ratio)}")
            ok = ok and ratio[0] >= 1
        ok = ok and (share[0] >= 0.9 or kind not in ("bf16", "int8"))
    return {"peaks": peaks, "results": results, "ok": ok}


def beyond_cache(rounds, suite, twin):
    """What each of our cases is, both sides' seconds by name, and the best bandwidth that any round found."""
    sides = {
        "ours": OnDemand([OURS / "examples" / "beyond_cache", suite]),
        "theirs": OnDemand([sys.executable, PEERS / twin], {"GLIBC_TUNABLES": TUNED_MALLOC}),
    }
    about, versions = sides["ours"].read(), sides["theirs"].read()
    for side in sides.values():
        side.steps(1)
    measured = interleave(sides, rounds, lambda side: side.steps(1)[0])
    peaks = {}
    for step in measured["ours"]:
        for traffic, speed in step.pop("bandwidth").items():
            peaks[traffic] = max(speed, peaks.get(traffic, 0))
    shown = ", ".join(f"{traffic} {speed / 1e9:.1f}" for traffic, speed in peaks.items())
    print(f"  {', '.join(f'{key} {value}' for key, value in versions.items())}, tuned malloc; memory in GB/s: {shown}")
    by_name = ({name: [step[name] for step in steps] for name in steps[0]} for steps in measured.values())
    return about, *by_name, peaks


def share_of(case, seconds, peaks):
    """(share, lower, upper) of the bandwidth: bytes both read and written move at the speed of a copy."""
    read, written = case["read"], case["written"]
    both, kind = min(read, written), "read" if read > written else "write"
    least = 2 * both / peaks["copy"] + abs(read - written) / peaks[kind]
    return compare([least] * len(seconds), seconds)


def show_share(share):
    return f"{100 * share[0]:4.0f} %  (95 %: {100 * share[1]:.0f} to {100 * share[2]:.0f})"


COMPARISONS = {
    "products": products,
    "attention": attention,
    "encoder": encoder,
    "memory_bound": memory_bound,
    "gemv": gemv,
    "gpt_step": gpt_step,
    "gpt_step_large": gpt_step_large,
    "same_bits": same_bits,
    "shakespeare": shakespeare,
}


def data():
    """The folder of shared data: `AQUIFER_DATA`, else beside the checkout."""
    folder = Path(os.environ.get("AQUIFER_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        sys.exit(f"no data in {folder}: set AQUIFER_DATA to a folder that holds lm_text/tinyshakespeare.txt")
    return folder


class OnDemand:
    """A program that runs so many steps for each number on its standard input."""

    def __init__(self, command, env=None):
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **(env or {})},
        )

    def steps(self, count):
        time.sleep(0.05)  # Until the other side's threads sleep.
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        return [self.read() for _ in range(count)]

    def read(self):
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def interleave(sides, rounds, measure):
    """What `measure` says of each side, round after round, each round beginning with another side; then closes them."""
    measured, order = {name: [] for name in sides}, list(sides)
    for i in range(rounds):
        for name in order[i % len(order) :] + order[: i % len(order)]:
            measured[name].append(measure(sides[name]))
    for side in sides.values():
        side.close()
    return measured


def median_of(steps, which):
    return statistics.median(step[which] for step in steps)


def compare(theirs, ours, resamples=10_000):
    """(median ratio, lower, upper) of their time to ours."""
    draw, n = random.Random(0), len(ours)

    def ratio(rounds):
        return statistics.median(theirs[i] for i in rounds) / statistics.median(ours[i] for i in rounds)

    spread = sorted(ratio([draw.randrange(n) for _ in range(n)]) for _ in range(resamples))
    return ratio(range(n)), spread[resamples // 40], spread[-resamples // 40]


def show(ratio):
    return f"{ratio[0]:5.2f} x  (95 %: {ratio[1]:.2f} to {ratio[2]:.2f})"


def cpu():
    try:
        return re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text()).group(1)
    except (OSError, AttributeError):
        return platform.processor() or "an unnamed CPU"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(COMPARISONS)}")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path, help="also write the ratios to this file")
    args = parser.parse_args()
    if unknown := set(args.names) - set(COMPARISONS):
        parser.error(f"no comparison named {', '.join(sorted(unknown))}; there are {', '.join(COMPARISONS)}")
    print(f"{cpu()}, {os.process_cpu_count() if hasattr(os, 'process_cpu_count') else os.cpu_count()} CPUs")
    results = {}
    for name in args.names or COMPARISONS:
        print(f"{name}: {COMPARISONS[name].__doc__}")
        results[name] = COMPARISONS[name](args.rounds)
    if args.json:
        args.json.write_text(json.dumps({"cpu": cpu(), **results}, indent=2) + "\n")
    sys.exit(0 if all(result["ok"] for result in results.values()) else 1)


if __name__ == "__main__":
    main()
