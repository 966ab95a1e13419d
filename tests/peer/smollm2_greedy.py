"""Writes what a test needs to hold picklock's greedy tokens against transformers' on SmolLM2.

From the GGUF of SmolLM2-135M-Instruct it writes a Hugging Face folder (`hf/`, float32: the
dequantised weights are not exact in bf16), unless that is there already, and `greedy-DTYPE.json`:

    {"dtype", "transformers", "device", "attention", "together", "texts": [text],
     "prompts": [[id]], "greedy": [[id]], "gaps": [[nats]]}

`greedy` are 32 tokens for each prompt, past any end token; `gaps` is, for each of them, how far its
logit lies above the second largest: where a gap is within rounding, another token is right too.
With --reference the dequantised model is first held against stored logits and greedy tokens; with
--against, what it wrote against an earlier file: how far transformers agrees with itself.
"""

import argparse
import hashlib
import json
import os
import shutil
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch  # noqa: E402
import transformers  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402
from transformers import AutoModelForCausalLM, GgufConfig  # noqa: E402

from smollm2_texts import TEXTS  # noqa: E402

NEW_TOKENS = 32
CLOSE = 1e-3  # of a reference logit, in nats


def write_folder(gguf, tokenizer, folder):
    """Dequantises the GGUF into a Hugging Face folder in float32."""
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),
    )  # fmt: skip
    model.save_pretrained(folder)
    shutil.copyfile(tokenizer, folder / "tokenizer.json")


def load(folder, dtype, device, attention="sdpa"):
    """The folder's model, ready to decode and deaf to end tokens."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation=attention)
    model.generation_config.eos_token_id = None
    return model.to(device).eval()


def padded(prompts, device):
    """Ids and attention mask of the prompts, padded on the left: [prompts, tokens] each."""
    longest = max(map(len, prompts))
    ids = [[0] * (longest - len(prompt)) + prompt for prompt in prompts]
    mask = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)


@torch.no_grad()
def greedy(model, prompts, new_tokens=NEW_TOKENS):
    """Greedy tokens of the prompts, decoded together, and their gaps: [prompts, tokens] each."""
    ids, mask = padded(prompts, model.device)
    out = model.generate(
        ids, attention_mask=mask, max_new_tokens=new_tokens, do_sample=False,
        return_dict_in_generate=True, output_logits=True,
    )  # fmt: skip
    top = torch.stack([step.float().topk(2).values for step in out.logits], 1)
    return out.sequences[:, ids.shape[1] :].tolist(), (top[..., 0] - top[..., 1]).tolist()


@torch.no_grad()
def check(folder, tokenizer, reference):
    """Holds logits, greedy tokens and the tokenizer against the stored reference."""
    model, stored = load(folder, torch.float32, "cpu"), load_file(reference)
    said = json.loads(reference.with_suffix(".json").read_text())
    for number, known in enumerate(said):
        ids = stored[f"p{number}.input_ids"]
        far = (model(ids).logits[0] - stored[f"p{number}.logits"]).abs().max().item()
        start, whole = ids.shape[1], stored[f"p{number}.greedy_ids"][0].tolist()
        made = greedy(model, [ids[0].tolist()], len(whole) - start)[0][0]
        same = made == whole[start:]
        encoded = tokenizer.encode(known["prompt"], add_special_tokens=False).ids
        print(f"reference {number}: logits within {far:.1e} nats, greedy tokens equal: {same}")
        if far > CLOSE or not same or encoded != ids[0].tolist():
            raise SystemExit(f"the model or its tokenizer is not the reference's at {number}")


def answer(model, prompts, together):
    """The greedy tokens and gaps of all prompts, so many decoded together."""
    tokens, gaps = [], []
    for start in range(0, len(prompts), together):
        some_tokens, some_gaps = greedy(model, prompts[start : start + together])
        tokens += some_tokens
        gaps += [[round(gap, 6) for gap in row] for row in some_gaps]
    return {"prompts": prompts, "greedy": tokens, "gaps": gaps}


def compare(own, path):
    """Prints how many prompts and tokens are those of an earlier file."""
    other = json.loads(path.read_text())["greedy"]
    rows = sum(a == b for a, b in zip(own, other))
    tokens = sum(x == y for a, b in zip(own, other) for x, y in zip(a, b))
    print(f"{rows} of {len(other)} prompts and {tokens} of {sum(map(len, own))} tokens as {path}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gguf", type=Path, required=True, help="SmolLM2-135M-Instruct")
    parser.add_argument("--tokenizer", type=Path, required=True, help="SmolLM2's tokenizer.json")
    parser.add_argument("--reference", type=Path, help="stored .safetensors, beside it its .json")
    parser.add_argument("--out", type=Path, required=True, help="folder for what it writes")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--together", type=int, default=1, help="prompts at a time; 1: no padding")
    parser.add_argument("--attention", choices=["sdpa", "eager"], default="sdpa")
    parser.add_argument("--against", type=Path, help="an earlier file to compare with")
    given = parser.parse_args()

    folder, tokenizer = given.out / "hf", Tokenizer.from_file(str(given.tokenizer))
    if not folder.exists():
        write_folder(given.gguf, given.tokenizer, folder)
    weights = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    print(f"{weights}  {folder / 'model.safetensors'}")
    if given.reference:
        check(folder, tokenizer, given.reference)

    prompts = [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS]
    model = load(folder, getattr(torch, given.dtype), given.device, given.attention)
    about = {"dtype": given.dtype, "transformers": transformers.__version__}
    about |= {"device": given.device, "attention": given.attention}
    about |= {"together": given.together, "texts": TEXTS}
    path = given.out / f"greedy-{given.dtype}.json"
    answers = answer(model, prompts, given.together)
    path.write_text(json.dumps(about | answers))
    print(f"wrote {path}")
    if given.against:
        compare(answers["greedy"], given.against)


if __name__ == "__main__":
    main()
