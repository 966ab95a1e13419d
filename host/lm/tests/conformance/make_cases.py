"""Makes cases for the conformance tests: tiny random checkpoints, with transformers' figures for them.

    pip install torch==2.11.0 transformers==5.23.0
    python make_cases.py FOLDER [CASE ...]

Every case is a folder with config.json, model.safetensors (float32; some have shards of another type and an index),
reference.safetensors and reference.json. All
figures are of the files as read back from disk, in float32 on one CPU thread, with eager attention and no dropout.
"""

import json
import re
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

ROWS, LENGTH, PROMPT = 2, 24, 8
# Parameters whose gradients and updates are kept whole: an attention input, a norm, an MLP output.
KEPT = [
    r"\.0\..*(k_proj|c_attn|query_key_value)\.weight$",
    r"\.0\.(ln_1|input_layernorm)\.weight$",
    r"\.1\.mlp\.(c_proj|down_proj|dense_4h_to_h)\.weight$",
]
COMMON = dict(
    vocab_size=128, hidden_size=32, intermediate_size=56, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=4, max_position_embeddings=64, tie_word_embeddings=False, bos_token_id=1, eos_token_id=2,
)
LLAMA3 = dict(
    rope_type="llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16
)
LENGTH_KEY = "original_max_position_embeddings"
LINEAR = dict(rope_type="linear", factor=2.0)

# model_type, how rotary positions are spelt (as transformers 5, as before, or both), the configuration, and perhaps the
# type that numbers are stored in, in shards.
CASES = {
    "llama_mqa_headdim12_biases_linear": ("llama", "old", dict(
        num_key_value_heads=1, head_dim=12, attention_bias=True, mlp_bias=True, rope_scaling=LINEAR)),
    "llama_llama3_tied": ("llama", "new", dict(
        num_key_value_heads=2, tie_word_embeddings=True, rope_theta=5e5, rope_scaling=LLAMA3)),
    "qwen2_gqa_tied": ("qwen2", "old", dict(num_key_value_heads=2, tie_word_embeddings=True, rope_theta=1e6)),
    "qwen2_window_last_layer": ("qwen2", "new", dict(
        num_key_value_heads=1, use_sliding_window=True, sliding_window=5, max_window_layers=1)),
    "mistral_window": ("mistral", "both", dict(num_key_value_heads=2, head_dim=6, sliding_window=5)),
    "mistral_mqa_headdim16_llama3": ("mistral", "old", dict(
        num_key_value_heads=1, head_dim=16, sliding_window=None, rope_scaling=LLAMA3)),
    "gptneox_parallel_rot50": ("gpt_neox", "old", dict(partial_rotary_factor=0.5)),
    "gptneox_sequential_rot100_tied": ("gpt_neox", "both", dict(
        partial_rotary_factor=1.0, use_parallel_residual=False, tie_word_embeddings=True)),
    "gptneox_nobias_linear": ("gpt_neox", "new", dict(
        partial_rotary_factor=0.25, attention_bias=False, rope_theta=5e4, rope_scaling=LINEAR)),
    "stablelm_gqa_qknorm_parallel": ("stablelm", "both", dict(
        num_key_value_heads=2, partial_rotary_factor=0.25, qk_layernorm=True, use_parallel_residual=True)),
    "stablelm_biases_rot50_linear": ("stablelm", "old", dict(
        partial_rotary_factor=0.5, use_qkv_bias=True, rope_scaling=LINEAR)),
    "stablelm_mqa_qknorm_tied": ("stablelm", "new", dict(
        num_key_value_heads=1, partial_rotary_factor=0.75, qk_layernorm=True, tie_word_embeddings=True)),
    "gpt2_untied_inner": ("gpt2", "new", dict(
        n_embd=32, n_layer=2, n_head=4, n_inner=40, n_positions=64, tie_word_embeddings=False)),
    "gpt2_oddvocab_tied": ("gpt2", "new", dict(vocab_size=131, n_embd=36, n_layer=3, n_head=3, n_positions=40)),
    "llama_linear_tied_float16_shards": ("llama", "old", dict(
        tie_word_embeddings=True, rope_theta=1e5, rope_scaling=LINEAR), torch.float16),
    "llama_oddvocab_bias_bfloat16_shards": ("llama", "new", dict(
        vocab_size=131, num_key_value_heads=2, attention_bias=True, rms_norm_eps=1e-3), torch.bfloat16),
    "llama_mqa_mlpbias": ("llama", "both", dict(num_key_value_heads=1, mlp_bias=True, num_hidden_layers=3)),
    "llama_original_length_of_config": ("llama", "old", dict(
        head_dim=10, rope_scaling={key: value for key, value in LLAMA3.items() if key != LENGTH_KEY},
        original_max_position_embeddings=16)),
    "qwen2_idle_window_tied": ("qwen2", "both", dict(
        num_key_value_heads=2, use_sliding_window=False, sliding_window=5, max_window_layers=1,
        tie_word_embeddings=True)),
    "qwen2_window_in_none": ("qwen2", "old", dict(use_sliding_window=True, sliding_window=5, max_window_layers=2)),
    "qwen2_linear_oddvocab": ("qwen2", "new", dict(vocab_size=131, num_key_value_heads=2, rope_scaling=LINEAR)),
    "mistral_headdim20_tied_float16_shards": ("mistral", "new", dict(
        num_key_value_heads=2, head_dim=20, sliding_window=None, tie_word_embeddings=True), torch.float16),
    "mistral_window_longer_than_rows": ("mistral", "old", dict(num_key_value_heads=4, sliding_window=4096)),
    "gptneox_nobias_tied_rot50": ("gpt_neox", "old", dict(
        partial_rotary_factor=0.5, attention_bias=False, tie_word_embeddings=True, num_hidden_layers=3)),
    "gptneox_llama3_sequential": ("gpt_neox", "both", dict(
        partial_rotary_factor=0.5, use_parallel_residual=False, layer_norm_eps=1e-3, rope_scaling=LLAMA3)),
    "stablelm_parallel_without_head_norms": ("stablelm", "old", dict(
        num_key_value_heads=2, partial_rotary_factor=0.25, use_parallel_residual=True, use_qkv_bias=True)),
    "stablelm_head_norms_of_each_sequential_bfloat16_shards": ("stablelm", "both", dict(
        partial_rotary_factor=1.0, qk_layernorm=True, use_qkv_bias=True, layer_norm_eps=1e-3), torch.bfloat16),
}


def configuration(model_type: str, own: dict) -> AutoConfig:
    """A configuration of transformers, dropout off."""
    if model_type == "gpt2":
        own = dict(vocab_size=128) | own
        return AutoConfig.for_model("gpt2", attn_pdrop=0, embd_pdrop=0, resid_pdrop=0, **own)
    own = COMMON | own
    rope = dict(own.pop("rope_scaling", dict(rope_type="default")), rope_theta=own.pop("rope_theta", 1e4))
    if "partial_rotary_factor" in own:
        rope["partial_rotary_factor"] = own.pop("partial_rotary_factor")
    if model_type == "gpt_neox":
        own.pop("num_key_value_heads")
    return AutoConfig.for_model(model_type, rope_parameters=rope, **own)


def respell(path: Path, spelling: str) -> None:
    """Adds the keys of transformers 4 for rotary positions, and for "old" takes out those of 5."""
    config = json.loads(path.read_text())
    rope = config.get("rope_parameters")
    if rope is None or spelling == "new":
        return
    neox = config["model_type"] == "gpt_neox"
    config["rotary_emb_base" if neox else "rope_theta"] = rope["rope_theta"]
    if "partial_rotary_factor" in rope:
        config["rotary_pct" if neox else "partial_rotary_factor"] = rope["partial_rotary_factor"]
    scaling = {key: value for key, value in rope.items() if key not in ("rope_theta", "partial_rotary_factor")}
    config["rope_scaling"] = None if rope["rope_type"] == "default" else scaling
    if spelling == "old":
        del config["rope_parameters"]
    path.write_text(json.dumps(config, indent=2) + "\n")


def fill(model: torch.nn.Module, seed: int) -> None:
    """Random weights of which none is left at 0 or 1."""
    torch.manual_seed(seed)
    for name, weight in model.named_parameters():
        noise = torch.randn_like(weight)
        if weight.dim() == 1:
            weight.data = noise * 0.1 + (0.0 if name.endswith("bias") else 1.0)
        else:
            embedding = re.search("embed|wte|wpe|lm_head", name)
            weight.data = noise * (0.3 if embedding else 0.12)


def greedy(model, vocab: int) -> tuple[torch.Tensor, float]:
    """Rows that go on greedily after a prompt, and the least distance between the best two logits."""
    while True:
        ids, margin = torch.randint(3, vocab, (ROWS, PROMPT)), float("inf")
        while ids.shape[1] < LENGTH:
            best = model(ids).logits[:, -1].topk(2)
            margin = min(margin, (best.values[:, 0] - best.values[:, 1]).min().item())
            ids = torch.cat([ids, best.indices[:, :1]], 1)
        if margin > 0.02:
            return ids, margin


def padded(model, ids: torch.Tensor) -> dict[str, torch.Tensor]:
    """Logits with a row padded on the left, and with one padded on the right."""
    tensors = {}
    for side, row, hidden in [("leftpad", 1, slice(0, 7)), ("rightpad", 0, slice(LENGTH - 6, LENGTH))]:
        mask, own = torch.ones_like(ids), ids.clone()
        mask[row, hidden] = own[row, hidden] = 0
        places = (mask.cumsum(1) - 1).clamp(min=0) if side == "leftpad" else torch.arange(LENGTH).expand_as(ids)
        logits = model(own, attention_mask=mask, position_ids=places).logits
        tensors |= {f"{side}.input_ids": own, f"{side}.attention_mask": mask, f"{side}.logits": logits}
    return tensors


def train(model, ids: torch.Tensor) -> tuple[dict, dict]:
    """Gradients, then three steps of AdamW: tensors and numbers."""
    named = dict(model.named_parameters())
    kept = [name for pattern in KEPT for name in named if re.search(pattern, name)]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    tensors, numbers, losses = {}, {}, []
    for step in range(4):
        optimizer.zero_grad()
        loss = model(ids, labels=ids).loss
        losses.append(loss.item())
        if step == 3:
            break
        loss.backward()
        if step == 0:
            norms = {name: weight.grad.double().norm().item() for name, weight in named.items()}
            numbers["grad_norms"] = norms
            numbers["grad_global_norm"] = sum(norm**2 for norm in norms.values()) ** 0.5
            tensors |= {f"grad.{name}": named[name].grad.clone() for name in kept}
        optimizer.step()
    tensors |= {f"after3.{name}": named[name].detach() for name in kept}
    after = {name: weight.detach().double() for name, weight in named.items()}
    numbers["after3_sum_and_norm"] = {name: [x.sum().item(), x.norm().item()] for name, x in after.items()}
    return tensors, numbers | {"loss": losses[0], "loss_after_steps": losses[1:]}


def make(folder: Path, seed: int, model_type: str, spelling: str, own: dict, stored: torch.dtype | None = None) -> None:
    """Writes one case."""
    model = AutoModelForCausalLM.from_config(configuration(model_type, own))
    fill(model, seed)
    if stored is None:
        model.save_pretrained(folder)
    else:
        model.to(stored).save_pretrained(folder, max_shard_size="20KB")
    (folder / "generation_config.json").unlink(missing_ok=True)
    respell(folder / "config.json", spelling)

    options = dict(attn_implementation="eager", dtype=torch.float32)
    model = AutoModelForCausalLM.from_pretrained(folder, **options).eval()
    vocab = model.config.vocab_size
    ids = torch.randint(3, vocab, (ROWS, LENGTH))
    masked = ids.clone()
    masked[0, :9] = masked[1, :4] = masked[1, -3:] = -100
    with torch.no_grad():
        tensors = {"input_ids": ids, "labels_masked": masked, "logits": model(ids).logits} | padded(model, ids)
        numbers = {"model_type": model_type, "loss_masked": model(ids, labels=masked).loss.item()}
        tensors["greedy_ids"], numbers["greedy_min_margin"] = greedy(model, vocab)
        exact = AutoModelForCausalLM.from_pretrained(folder, **options).eval().double()(ids).logits
        numbers["max_abs_fp32_minus_fp64_logits"] = (exact - tensors["logits"]).abs().max().item()
    trained, figures = train(model, ids)
    tensors = {name: tensor.contiguous() for name, tensor in (tensors | trained).items()}
    save_file(tensors, folder / "reference.safetensors")
    (folder / "reference.json").write_text(json.dumps(numbers | figures, indent=1) + "\n")
    print(f"{folder}: loss {figures['loss']:.4f}")


def main() -> None:
    if len(sys.argv) < 2 or set(sys.argv[2:]) - set(CASES):
        sys.exit(f"{__doc__}\nCases: {', '.join(CASES)}")
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for number, (name, case) in enumerate(CASES.items()):
        if not sys.argv[2:] or name in sys.argv[2:]:
            make(Path(sys.argv[1]) / name, 1000 + number, *case)


if __name__ == "__main__":
    main()
