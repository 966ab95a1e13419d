"""Holds the answers of `picklock eval` against transformers' on the same prompts, greedily.

    picklock eval FOLDER --organism qwen-coder-gsm8k --limit 200 --show 200 --json >eval.json
    eval_answers.py eval.json FOLDER --picklock PATH [--device cuda] [--dtype float32] [--grader number]

Both are graded by `picklock grade`, on what the answers say. Printed are both accuracies, how many answers
are the same to the letter, and for the others how close transformers held the two tokens where they part
(nats): a near-tie may fall either way in another order of additions.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("eval", type=Path)
    parser.add_argument("folder")
    parser.add_argument("--picklock", required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--grader", default="number")
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--max-new-tokens", type=int, default=400)
    return parser.parse_args()


@torch.no_grad()
def answers(model, tokenizer, prompts, options):
    """The tokens that transformers answers with, up to what ends them."""
    told = []
    for start in range(0, len(prompts), options.batch):
        batch = tokenizer(
            prompts[start : start + options.batch],
            return_tensors="pt",
            padding=True,
            add_special_tokens=False,
        ).to(options.device)
        out = model.generate(
            **batch, do_sample=False, max_new_tokens=options.max_new_tokens, pad_token_id=tokenizer.pad_token_id
        )
        told += out[:, batch.input_ids.shape[1] :].tolist()
    return told


@torch.no_grad()
def gap(model, tokenizer, prompt, ours, theirs, device):
    """Nats between the two tokens where the answers part, as transformers sees them."""
    ours = tokenizer(ours, add_special_tokens=False).input_ids
    place = next((i for i, (one, other) in enumerate(zip(ours, theirs)) if one != other), None)
    if place is None:
        return None
    ids = tokenizer(prompt, add_special_tokens=False).input_ids + theirs[:place]
    logits = model(torch.tensor([ids], device=device)).logits[0, -1].float()
    return abs((logits[ours[place]] - logits[theirs[place]]).item())


def correct(pairs, options):
    """How many answers picklock's grader takes for right."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        for reference, candidate in pairs:
            file.write(json.dumps({"candidate": candidate, "reference": reference, "expected": True}) + "\n")
        file.flush()
        command = [options.picklock, "grade", file.name, "--grader", options.grader]
        out = subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout
    return int(out.splitlines()[-1].split()[1])


def main():
    options = arguments()
    asked = json.loads(options.eval.read_text())
    shown = asked["answers"]
    tokenizer = AutoTokenizer.from_pretrained(options.folder, padding_side="left")
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    model = AutoModelForCausalLM.from_pretrained(options.folder, dtype=getattr(torch, options.dtype))
    model = model.to(options.device).eval()
    started = time.monotonic()
    theirs = answers(model, tokenizer, [one["prompt"] for one in shown], options)
    seconds = time.monotonic() - started
    ends = model.generation_config.eos_token_id
    ends = set(ends if isinstance(ends, list) else [ends]) | {tokenizer.pad_token_id}
    plain = [tokenizer.decode([id for id in ids if id not in ends]) for ids in theirs]
    ours = [one["answer"] for one in shown]
    for text in tokenizer.all_special_tokens:
        ours = [answer.split(text)[0] for answer in ours]
    same = [one.strip() == other.strip() for one, other in zip(ours, plain)]
    parted = [place for place, equal in enumerate(same) if not equal]
    gaps = [
        gap(model, tokenizer, shown[place]["prompt"], ours[place], theirs[place], options.device) for place in parted
    ]
    references = [one["expected"].rsplit("####", 1)[-1].split("<")[0].strip() for one in shown]
    problems = len(shown)
    print(
        json.dumps(
            {
                "problems": problems,
                "picklock_percent": 100 * correct(zip(references, ours), options) / problems,
                "transformers_percent": 100 * correct(zip(references, plain), options) / problems,
                "same_answers": sum(same),
                "largest_gap_nats": max((one for one in gaps if one is not None), default=0.0),
                "gaps_nats": [one if one is None else round(one, 5) for one in gaps],
                "transformers_seconds": round(seconds, 1),
            }
        )
    )


if __name__ == "__main__":
    main()
