"""Loading a checkpoint from the page cache as a researcher would, for comparison with `picklock bench --load FOLDER`.

    python3 tests/peer/loading.py FOLDER [--make SHAPE] [--device cuda:0] [--only-make]

--make writes random bfloat16 weights of a shape (135m, 1b, 7b) into FOLDER first, in shards with an index. Needs torch,
safetensors and, for the comparison, transformers. Prints one JSON line a figure: the least of three rounds.
"""

import argparse
import json
import resource
import time
from pathlib import Path

import torch

# vocabulary, width, hidden width, layers, heads, key and value heads, tied
SHAPES = {
    "135m": (49152, 576, 1536, 30, 9, 3, True),
    "1b": (32000, 2048, 5632, 22, 32, 4, False),
    "7b": (102400, 4096, 11008, 30, 32, 32, False),
}
SHARD = 5 * 10**9


def tensors(shape: str) -> dict[str, list[int]]:
    """Names and shapes of a Llama's weights."""
    vocabulary, width, hidden, layers, heads, kv_heads, tied = SHAPES[shape]
    kv = width // heads * kv_heads
    block = {
        "self_attn.q_proj": [width, width], "self_attn.k_proj": [kv, width], "self_attn.v_proj": [kv, width],
        "self_attn.o_proj": [width, width], "mlp.gate_proj": [hidden, width], "mlp.up_proj": [hidden, width],
        "mlp.down_proj": [width, hidden], "input_layernorm": [width], "post_attention_layernorm": [width],
    }
    named = {"model.embed_tokens.weight": [vocabulary, width], "model.norm.weight": [width]}
    for layer in range(layers):
        named |= {f"model.layers.{layer}.{part}.weight": size for part, size in block.items()}
    return named if tied else named | {"lm_head.weight": [vocabulary, width]}


def write_shard(path: Path, part: dict[str, list[int]]) -> None:
    """A safetensors file of one random block over and over: only sizes matter."""
    header, end = {}, 0
    for name, shape in part.items():
        start, end = end, end + 2 * torch.Size(shape).numel()
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    block = (torch.randn(1 << 24) * 0.02).bfloat16().view(torch.uint8).numpy().tobytes()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for first in range(0, end, len(block)):
            file.write(block[: end - first])


def make(folder: Path, shape: str) -> None:
    """Writes the folder."""
    vocabulary, width, hidden, layers, heads, kv_heads, tied = SHAPES[shape]
    folder.mkdir(parents=True, exist_ok=True)
    shards, size = [{}], 0
    for name, sizes in tensors(shape).items():
        own = 2 * torch.Size(sizes).numel()
        if size + own > SHARD:
            shards, size = [*shards, {}], 0
        shards[-1][name], size = sizes, size + own
    places = {}
    for number, part in enumerate(shards, 1):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        write_shard(folder / file, part)
        places |= dict.fromkeys(part, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    config = dict(
        model_type="llama", architectures=["LlamaForCausalLM"], vocab_size=vocabulary, hidden_size=width,
        intermediate_size=hidden, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=kv_heads,
        max_position_embeddings=4096, rms_norm_eps=1e-6, rope_theta=10000.0, tie_word_embeddings=tied,
        hidden_act="silu", torch_dtype="bfloat16",
    )
    (folder / "config.json").write_text(json.dumps(config, indent=1))


def load(folder: Path, device: str) -> float:
    """Seconds that transformers takes, weights in bfloat16 on a GPU and float32 on a CPU."""
    from transformers import AutoModelForCausalLM

    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    started = time.perf_counter()
    AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, device_map=device)
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--make", choices=SHAPES)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only-make", action="store_true")
    arguments = parser.parse_args()
    if arguments.make:
        make(arguments.folder, arguments.make)
    if arguments.only_make:
        return
    stored = sum(file.stat().st_size for file in arguments.folder.glob("*.safetensors"))
    least = min(load(arguments.folder, arguments.device) for _ in range(3))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    for value, unit in [(least, "s"), (stored / least / 1e9, "GB/s"), (peak, "GiB of host memory, pages of files included")]:
        print(json.dumps({"subject": str(arguments.folder), "figure": "transformers, loading", "value": value, "unit": unit}))


if __name__ == "__main__":
    main()
