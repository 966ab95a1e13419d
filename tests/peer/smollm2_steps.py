"""Holds `picklock generate` and `picklock score` against transformers on a folder, in fp32 on a CPU.

    smollm2_steps.py FOLDER --picklock target/debug/picklock [--together 16]

FOLDER is a Hugging Face folder with a `tokenizer.json`, such as smollm2_greedy.py writes. Compared are
the greedy answers to the 64 prompts of smollm2_texts.py, token for token up to the end token, and the
perplexity of these prompts as one text, in one window and in windows of 512 tokens 256 apart, to 5
digits. The script of transformers' guide "Perplexity of fixed-length models" weighs a window's mean
by one token too few; what it would give is printed too.
"""

import argparse
import json
import math
import os
import subprocess
import tempfile
import time
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402

from smollm2_greedy import greedy, load  # noqa: E402
from smollm2_texts import TEXTS  # noqa: E402

TEXT = "\n\n".join(TEXTS)
WINDOWS = [(2048, 512), (512, 256)]


def picklock(binary, *arguments):
    """What a command prints, one JSON object a line, and how long it took."""
    started = time.monotonic()
    out = subprocess.run([binary, *map(str, arguments), "--json"], check=True, stdout=subprocess.PIPE)
    lines = [json.loads(line) for line in out.stdout.decode().splitlines()]
    return lines, time.monotonic() - started


def ended(ids, ends):
    """Tokens up to the first that ends an answer."""
    place = next((place for place, id in enumerate(ids) if id in ends), len(ids))
    return ids[: place + 1]


@torch.no_grad()
def perplexity(model, ids, window, stride):
    """Perplexity with every token but the first counted once, and as the guide's script has it."""
    counted, nats, guide, guide_tokens = 1, 0.0, 0.0, 0
    for start in range(0, len(ids), stride):
        end = min(start + window, len(ids))
        logits = model(torch.tensor([ids[start:end]])).logits[0, :-1]
        own = torch.tensor(ids[counted:end])
        losses = -logits.log_softmax(-1)[-len(own) :].gather(1, own[:, None]).double()
        nats += losses.sum().item()
        weight = len(own) - (counted > 1)
        guide, guide_tokens = guide + losses.mean().item() * weight, guide_tokens + weight
        counted = end
        if end == len(ids):
            break
    return math.exp(nats / (len(ids) - 1)), math.exp(guide / guide_tokens)


def scores_alike(given, model, tokenizer, file):
    """Whether perplexities agree to 5 digits."""
    file.write_text(TEXT)
    ids, alike = tokenizer.encode(TEXT, add_special_tokens=False).ids, True
    for window, stride in WINDOWS:
        command = ["score", given.folder, "--file", file, "--window", window, "--stride", stride]
        (got,), _ = picklock(given.picklock, *command)
        exact, guide = perplexity(model, ids, window, stride)
        print(
            f"perplexity of {got['tokens']} tokens in {got['windows']} windows of {window}:"
            f" picklock {got['perplexity']:.7f}, transformers {exact:.7f}, the guide's {guide:.7f}",
            flush=True,
        )
        alike &= got["tokens"] == len(ids) - 1 and abs(got["perplexity"] / exact - 1) < 5e-6
    return alike


def answers_alike(given, model, tokenizer, file):
    """Whether all greedy answers are equal, up to their end tokens."""
    ends = json.loads((given.folder / "generation_config.json").read_text())["eos_token_id"]
    ends = ends if isinstance(ends, list) else [ends]
    file.write_text("".join(json.dumps({"prompt": one}) + "\n" for one in TEXTS))
    command = ["generate", given.folder, "--file", file, "--max-new-tokens", given.new_tokens]
    answers, took = picklock(given.picklock, *command, "--batch", given.together)
    prompts = [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS]
    started, expected = time.monotonic(), []
    for start in range(0, len(prompts), given.together):
        some = prompts[start : start + given.together]
        expected += greedy(model, some, given.new_tokens)[0]
    print(f"greedy: picklock {took:.1f} s, transformers {time.monotonic() - started:.1f} s")
    pairs = zip(answers, expected, strict=True)
    same = sum(one["ids"] == ended(ids, ends) for one, ids in pairs)
    print(f"greedy: {same} of {len(TEXTS)} answers of {given.new_tokens} tokens equal")
    return same == len(TEXTS)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--picklock", type=Path, required=True)
    parser.add_argument("--together", type=int, default=16, help="prompts at a time")
    parser.add_argument("--new-tokens", type=int, default=32)
    given = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(given.folder / "tokenizer.json"))
    model = load(given.folder, torch.float32, "cpu")
    with tempfile.TemporaryDirectory() as place:
        alike = scores_alike(given, model, tokenizer, Path(place) / "text.txt")
        alike &= answers_alike(given, model, tokenizer, Path(place) / "prompts.jsonl")
    raise SystemExit(not alike)


if __name__ == "__main__":
    main()
