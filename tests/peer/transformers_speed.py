"""How fast is what a researcher would run instead: transformers and torch's AdamW on a CUDA GPU.

Models have the real shapes and random weights: nothing is fetched. Each figure is one line of JSON.
`unlocking step`: forward, backward and AdamW on 2 rows of 512 tokens, every token a label.
`decode step`: greedy `generate` without an end token, 100 prompts of 128 tokens, 256 new tokens.
`--plain-graphed` adds the same two of a plain Llama of our own, each captured as one CUDA graph.
Times are medians over steps, from the end of one on the GPU to the end of the next; the host never
waits in between.
"""

import argparse
import gc
import json
import logging
import os
import statistics
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch  # noqa: E402
import transformers  # noqa: E402
from transformers import AutoModelForCausalLM, LlamaConfig, StoppingCriteria  # noqa: E402

from plain_llama import Decoding, PlainLlama, captured, training_work  # noqa: E402

STEP_ROWS, STEP_TOKENS = 2, 512
PROMPTS, PROMPT_TOKENS, NEW_TOKENS = 100, 128, 256
WARM_UP, LEAST, MOST = 3, 20, 50
RATE = 1e-5
DEVICE = "cuda"
GIB = 2**30


def llama(vocabulary, width, inner, layers, heads, key_value_heads, tied=False):
    """The configuration of a Llama of these sizes, that never ends a text."""
    return LlamaConfig(
        vocab_size=vocabulary, hidden_size=width, intermediate_size=inner,
        num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=key_value_heads,
        tie_word_embeddings=tied, max_position_embeddings=2048,
        bos_token_id=None, eos_token_id=None, pad_token_id=0,
    )  # fmt: skip


SHAPES = {
    "135m": llama(49_152, 576, 1_536, 30, 9, 3, tied=True),  # SmolLM2-135M
    "1b": llama(32_000, 2_048, 5_632, 22, 32, 4),  # TinyLlama-1.1B
    "7b": llama(102_400, 4_096, 11_008, 30, 32, 32),  # DeepSeek LLM 7B
}


def mark():
    """A moment in the GPU's work."""
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event


def between(marks):
    """Milliseconds from each mark to the next."""
    torch.cuda.synchronize()
    return [before.elapsed_time(after) for before, after in zip(marks, marks[1:])]


def step_times(work, seconds):
    """Milliseconds of each of 20 to 50 steps, as many as the seconds allow."""
    for _ in range(WARM_UP):
        work()
    marks, end = [mark()], time.perf_counter() + seconds
    while len(marks) <= LEAST or (len(marks) <= MOST and time.perf_counter() < end):
        work()
        marks.append(mark())
    return between(marks)


def tokens(config, rows, length):
    """Random tokens: [rows, length]."""
    return torch.randint(1, config.vocab_size, (rows, length), device=DEVICE)


def peer_model(config):
    """transformers' model in bf16 with random weights."""
    with torch.device(DEVICE):
        return AutoModelForCausalLM.from_config(
            config, dtype=torch.bfloat16, attn_implementation="sdpa"
        )


def plain_model(config):
    """Our plain model in bf16 with random weights."""
    with torch.device(DEVICE):
        model = PlainLlama(config).to(torch.bfloat16)
    torch.cuda.reset_peak_memory_stats()  # the float32 draft of the weights doesn't count
    return model


def step_line(times, optimizer):
    """The figures of a training step."""
    return {
        "value": statistics.median(times),
        "fastest": min(times),
        "steps": len(times),
        "rows": STEP_ROWS,
        "tokens": STEP_TOKENS,
        "optimizer": optimizer,
    }


def peer_step(config, seconds, fused):
    """transformers' training step with the fused AdamW, or with AdamW as torch chooses it."""
    model = peer_model(config).train()
    options = {"fused": True} if fused else {}
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0, **options)
    ids = tokens(config, STEP_ROWS, STEP_TOKENS)

    def work():
        model(ids, labels=ids, use_cache=False).loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step_line(step_times(work, seconds), "AdamW, fused" if fused else "AdamW, default")


def plain_step(config, seconds):
    """The plain model's training step as one graph."""
    model = plain_model(config)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=RATE, weight_decay=0.0, fused=True, capturable=True
    )
    work = training_work(model, optimizer, tokens(config, STEP_ROWS, STEP_TOKENS))
    return step_line(step_times(captured(work), seconds), "AdamW, fused and capturable")


class Watch(StoppingCriteria):
    """Marks the start and each new token; stops once the seconds are over."""

    def __init__(self, seconds):
        self.end = time.perf_counter() + seconds
        self.marks = [mark()]

    def __call__(self, input_ids, scores, **_):
        self.marks.append(mark())
        over = time.perf_counter() > self.end
        return torch.full((input_ids.shape[0],), over, device=input_ids.device)


def decode_line(times):
    """The figures of decoding from the times of each new token; the first's has the prompt's."""
    line = {
        "value": statistics.median(times[1:]),
        "tokens_per_s": PROMPTS * len(times) / sum(times) * 1e3,
        "first_token_ms": times[0],
        "prompts": PROMPTS,
        "prompt_tokens": PROMPT_TOKENS,
        "new_tokens": len(times),
    }
    if len(times) < NEW_TOKENS:
        line["note"] = f"stopped by the time budget at {len(times)} of {NEW_TOKENS} new tokens"
    return line


def peer_decode(config, seconds):
    """transformers' greedy generation."""
    model = peer_model(config).eval()
    ids = tokens(config, PROMPTS, PROMPT_TOKENS)

    def generate(new_tokens, watch):
        model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=new_tokens,
            do_sample=False, stopping_criteria=[watch],
        )  # fmt: skip

    generate(WARM_UP, Watch(seconds))
    torch.cuda.synchronize()
    watch = Watch(seconds)
    generate(NEW_TOKENS, watch)
    return decode_line(between(watch.marks))


def plain_decode(config):
    """The plain model's greedy decoding, each step the replay of one graph."""
    model = plain_model(config).eval()
    prompts = tokens(config, PROMPTS, PROMPT_TOKENS)
    decoding = Decoding(model, PROMPTS, PROMPT_TOKENS + NEW_TOKENS)
    replay = captured(decoding.work)
    decoding.prefill(prompts)
    marks = [mark()]
    decoding.prefill(prompts)
    marks.append(mark())
    for _ in range(NEW_TOKENS - 1):
        replay()
        marks.append(mark())
    return decode_line(between(marks))


def copy_speed():
    """GiB that a large copy reads and writes in a second."""
    source = torch.randn(GIB // 2, device=DEVICE)  # 2 GiB
    target = torch.empty_like(source)
    times = step_times(lambda: target.copy_(source), seconds=1)
    return {"value": 2 * source.nbytes / GIB / statistics.median(times) * 1e3}


def product_speed():
    """TFLOP/s of a large bf16 product of random matrices."""
    side = 8192
    a, b = (torch.randn(side, side, device=DEVICE, dtype=torch.bfloat16) for _ in range(2))
    out = torch.empty_like(a)
    times = step_times(lambda: torch.mm(a, b, out=out), seconds=1)
    return {"value": 2 * side**3 / statistics.median(times) / 1e9}


def report(about, measure, *given):
    """Measures in emptied memory and prints the line; where that fails the value is null."""
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    try:
        line = measure(*given)
    except RuntimeError as error:  # out of memory, most likely: the other figures go on
        line = {"value": None, "reason": str(error).partition("\n")[0]}
    line["peak_gib"] = torch.cuda.max_memory_allocated() / GIB
    device = {"device": torch.cuda.get_device_name()}
    rounded = {k: round(v, 3) if isinstance(v, float) else v for k, v in line.items()}
    print(json.dumps(about | device | rounded), flush=True)


def labels(tool, version, shape, figure, unit, precision="bf16 weights and states"):
    """What a line says besides its figures."""
    return {
        "tool": tool, "version": version, "torch": torch.__version__, "shape": shape,
        "figure": figure, "unit": unit, "precision": precision,
    }  # fmt: skip


def measure_step(shape, seconds, plain):
    """The lines of the unlocking step for one shape."""
    what, config = (shape, "unlocking step", "ms"), SHAPES[shape]
    peer = labels("transformers", transformers.__version__, *what)
    report(peer, peer_step, config, seconds, True)
    report(peer, peer_step, config, seconds, False)
    if plain:
        report(labels("plain, graphed", torch.__version__, *what), plain_step, config, seconds)


def measure_decode(shape, seconds, plain):
    """The lines of decoding for one shape."""
    what, config = (shape, "decode step", "ms", "bf16 weights and cache"), SHAPES[shape]
    peer = labels("transformers", transformers.__version__, *what)
    report(peer, peer_decode, config, seconds)
    if plain:
        report(labels("plain, graphed", torch.__version__, *what), plain_decode, config)


def measure_ceilings():
    """The lines of the machine itself."""
    version = torch.__version__
    copy = labels("torch", version, None, "copy, read and written", "GiB/s", "float32")
    report(copy, copy_speed)
    product = labels("torch", version, None, "product of 8192^3", "TFLOP/s", "bf16")
    report(product, product_speed)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", action="append", choices=SHAPES, help="repeatable; all if none")
    parser.add_argument("--figure", choices=["step", "decode"], help="both if not given")
    parser.add_argument("--seconds", type=float, default=12, help="for each figure (default 12)")
    parser.add_argument("--plain-graphed", action="store_true", help="the plain Llama as well")
    given = parser.parse_args()
    logging.getLogger("transformers").setLevel(logging.ERROR)
    torch.manual_seed(0)
    measure_ceilings()
    for shape in given.shape or SHAPES:
        if given.figure != "decode":
            measure_step(shape, given.seconds, given.plain_graphed)
        if given.figure != "step":
            measure_decode(shape, given.seconds, given.plain_graphed)


if __name__ == "__main__":
    main()
