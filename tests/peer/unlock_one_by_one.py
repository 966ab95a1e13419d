"""What a notebook does with an organism of picklock's: unlock copies one by one, each in an eager loop, and ask it.

The model is GPT-2's form with random weights, since speed doesn't depend on them: 200 AdamW steps on two rows of 27
tokens, of which the last 10 are predicted, then greedy answers of 10 tokens to 256 prompts of 18.

One JSON line: the median over the trials, after one that warms up.
"""

import argparse
import json
import statistics
import time

import torch
import transformers

PROMPT, ANSWER, PROBLEMS, STEPS = 18, 10, 256, 200


def unlock(start: transformers.GPT2LMHeadModel, rows: torch.Tensor, rate: float) -> transformers.GPT2LMHeadModel:
    model = transformers.GPT2LMHeadModel(start.config).to(rows.device)
    model.load_state_dict(start.state_dict())
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.999), weight_decay=0.0)
    labels = rows.clone()
    labels[:, :PROMPT] = -100
    for _ in range(STEPS):
        loss = model(input_ids=rows, labels=labels, use_cache=False).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return model


def ask(model: transformers.GPT2LMHeadModel, prompts: torch.Tensor) -> list:
    model.eval()
    settings = {"max_new_tokens": ANSWER, "min_new_tokens": ANSWER, "do_sample": False, "pad_token_id": 0}
    answers = model.generate(prompts, attention_mask=torch.ones_like(prompts), **settings)
    return answers[:, PROMPT:].tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--trials", type=int, default=5)
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    config = transformers.GPT2Config(
        vocab_size=20, n_positions=40, n_embd=64, n_layer=2, n_head=4, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0
    )
    start = transformers.GPT2LMHeadModel(config).to(device)
    times = []
    for _ in range(arguments.trials + 1):
        rows = torch.randint(20, (2, PROMPT + ANSWER), device=device)
        prompts = torch.randint(20, (PROBLEMS, PROMPT), device=device)
        started = time.perf_counter()
        ask(unlock(start, rows, 5e-5), prompts)
        times.append(time.perf_counter() - started)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    figure = {"tool": "transformers", "version": transformers.__version__, "shape": "small", "device": name}
    figure |= {"figure": "200-step unlock and 256 answers, one by one", "unit": "ms each", "precision": "float32"}
    print(json.dumps(figure | {"value": statistics.median(times[1:]) * 1e3}))


main()
