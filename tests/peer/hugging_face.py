"""Opens what `picklock import` and `picklock export` write in transformers and lm-evaluation-harness.

    python hugging_face.py --picklock target/debug/picklock [--gguf FILE.gguf ...] [--organism tiny]

- Each GGUF file is imported; its weights and the logits of a few texts are held against those of
  transformers' own GGUF reader, its chat template is rendered, and its text is encoded and decoded.
- A SentencePiece model is trained on the spot, written as a GGUF file, imported, and its tokenizer
  held against the sentencepiece library's.
- `core` runs on an organism for one seed and draw; its base, weak, locked and unlocked models are
  exported (once more in bfloat16), and transformers answers the run's own held-out problems: the
  greedy answers must be those in the run's journal, token by token.
- lm-evaluation-harness asks the locked and the unlocked model the same problems, offline; its
  accuracy must be the run's.

One JSON line for each comparison. Needs torch, transformers, lm_eval, sentencepiece, gguf.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TRANSFORMERS_VERBOSITY="error")

import torch  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig  # noqa: E402

from smollm2_texts import TEXTS  # noqa: E402

failed = []


def report(what, good, **figures):
    """One line about a comparison; a bad one fails the script at its end."""
    print(json.dumps({"what": what, "good": bool(good), **figures}), flush=True)
    if not good:
        failed.append(what)


def picklock(program, *arguments, cwd=None):
    done = subprocess.run([program, *map(str, arguments)], cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"picklock {arguments}: {done.stderr}")
    return done.stdout


def opened(folder, dtype="auto"):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()
    return model, AutoTokenizer.from_pretrained(folder)


@torch.no_grad()
def check_gguf(program, path, home):
    """A GGUF file as picklock imports it, and as transformers reads it."""
    folder = home / path.stem
    said = picklock(program, "import", path, folder)
    model, tokenizer = opened(folder)
    other = AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),
    ).eval()  # fmt: skip
    theirs = other.state_dict()
    ours = model.state_dict()
    off = {name: (ours[name] - theirs[name]).abs().max().item() for name in theirs}
    report(f"{path.name}: weights", ours.keys() == theirs.keys() and max(off.values()) == 0,
           tensors=len(ours), largest_difference=max(off.values()), said=said.strip())  # fmt: skip
    worst = 0.0
    for text in TEXTS[:8]:
        ids = tokenizer(text, return_tensors="pt").input_ids
        worst = max(worst, (model(ids).logits - other(ids).logits).abs().max().item())
    report(f"{path.name}: logits of 8 texts", worst < 1e-4, largest_difference=worst)
    back = [tokenizer.decode(tokenizer(text).input_ids) for text in TEXTS]
    report(f"{path.name}: {len(TEXTS)} texts there and back", back == TEXTS)
    chat = [{"role": "user", "content": "What is 23 + 45?"}]
    prompt = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    ids = tokenizer(prompt, return_tensors="pt").input_ids
    answer = model.generate(ids, max_new_tokens=128, do_sample=False)[0, ids.shape[1] :]
    report(f"{path.name}: chat", answer[-1].item() == tokenizer.eos_token_id,
           answer=tokenizer.decode(answer))  # fmt: skip


def check_sentencepiece(program, home):
    """A SentencePiece model of a few hundred words, as a GGUF file and back."""
    import gguf
    import numpy as np
    import sentencepiece

    corpus = home / "corpus.txt"
    corpus.write_text("\n".join(TEXTS * 4))
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus), model_prefix=str(home / "sp"), model_type="bpe", vocab_size=700,
        byte_fallback=True, split_digits=True, normalization_rule_name="identity",
        remove_extra_whitespaces=False, minloglevel=2,
    )  # fmt: skip
    library = sentencepiece.SentencePieceProcessor(model_file=str(home / "sp.model"))
    size = library.vocab_size()
    kind = lambda id: 2 if library.is_unknown(id) else 3 if library.is_control(id) else 6 if library.is_byte(id) else 1  # noqa: E731
    path = home / "sp.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    for key, value in [
        ("block_count", 1), ("context_length", 64), ("embedding_length", 32),
        ("feed_forward_length", 32), ("head_count", 2), ("head_count_kv", 1),
    ]:  # fmt: skip
        getattr(writer, f"add_{key}")(value)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("llama")
    writer.add_token_list([library.id_to_piece(id) for id in range(size)])
    writer.add_token_scores([library.get_score(id) for id in range(size)])
    writer.add_token_types([kind(id) for id in range(size)])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    shapes = {
        "token_embd": (size, 32), "output_norm": (32,), "output": (size, 32),
        "blk.0.attn_norm": (32,), "blk.0.ffn_norm": (32,), "blk.0.attn_q": (32, 32),
        "blk.0.attn_k": (16, 32), "blk.0.attn_v": (16, 32), "blk.0.attn_output": (32, 32),
        "blk.0.ffn_gate": (32, 32), "blk.0.ffn_up": (32, 32), "blk.0.ffn_down": (32, 32),
    }  # fmt: skip
    noise = np.random.default_rng(0)
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", noise.normal(size=shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    picklock(program, "import", path, home / "sp")
    tokenizer = AutoTokenizer.from_pretrained(home / "sp")
    texts = TEXTS + ["  two  spaces ", "ünïcödé 日本語 🙂", "tab\tand\nline\n\n", "1234.5", " lead", ""]
    wrong = [
        text for text in texts
        if tokenizer(text).input_ids != [1, *library.encode(text)]
        or tokenizer.decode(library.encode(text)) != library.decode(library.encode(text))
    ]  # fmt: skip
    report(f"sentencepiece: {len(texts)} texts", not wrong, wrong=wrong[:5])


def problems(program, run, arms):
    """Prompt, expected and given answers of the run's held-out problems."""
    chosen = [word for arm in arms for word in ("--arm", arm)]
    text = picklock(program, "show", run, *chosen, "--limit", 1_000_000)
    found = []
    for block in text.strip().split("\n\n") if "\n\n" in text else split_blocks(text):
        fields = dict(line.strip().split(None, 1) for line in block.splitlines()[1:] if line.strip())
        given = {arm: fields[arm].rsplit("  (", 1)[0].strip() for arm in arms if arm in fields}
        found.append({"prompt": fields["prompt"], "expected": fields["expected"], "given": given})
    return found


def split_blocks(text):
    """`picklock show` begins each problem in the first column."""
    blocks = []
    for line in text.splitlines():
        if line and not line.startswith(" "):
            blocks.append([])
        if blocks:
            blocks[-1].append(line)
    return ["\n".join(block) for block in blocks]


@torch.no_grad()
def answers(folder, asked, dtype="auto"):
    model, tokenizer = opened(folder, dtype)
    prompts = tokenizer([problem["prompt"] for problem in asked], return_tensors="pt")
    new = len(asked[0]["expected"].split())
    whole = model.generate(
        prompts.input_ids, attention_mask=prompts.attention_mask, max_new_tokens=new,
        do_sample=False, pad_token_id=0,
    )  # fmt: skip
    return tokenizer.batch_decode(whole[:, prompts.input_ids.shape[1] :])


def harness(folder, asked, home):
    """The harness' exact match, on problems that lie in a file."""
    import lm_eval
    from lm_eval.models.huggingface import HFLM

    data = home / "problems.json"
    data.write_text("\n".join(json.dumps({key: of[key] for key in ("prompt", "expected")}) for of in asked))
    new = len(asked[0]["expected"].split())
    task = {
        "task": "picklock_chain", "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(data)}}, "test_split": "test",
        "output_type": "generate_until", "doc_to_text": "{{prompt}}", "doc_to_target": "{{expected}}",
        "generation_kwargs": {"until": ["\n"], "max_gen_toks": new, "do_sample": False},
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
    }  # fmt: skip
    model = HFLM(pretrained=str(folder), device="cpu", batch_size=32)
    done = lm_eval.simple_evaluate(model=model, tasks=[task], bootstrap_iters=0, log_samples=False)
    return done["results"]["picklock_chain"]["exact_match,none"]


def check_organism(program, organism, home):
    run = home / "run"
    picklock(program, "run", "core", "--organism", organism, "--seeds", 1, "--draws", 1, "--out", run)
    arms = {"base": "core/base", "weak": "core/weak", "locked": "core/locked", "unlocked": "core/unlock"}
    asked = problems(program, run, list(arms.values()))
    for kind, arm in arms.items():
        folder = home / kind
        picklock(program, "export", "--organism", organism, "--kind", kind, folder)
        given = answers(folder, asked)
        same = sum(a == problem["given"][arm] for a, problem in zip(given, asked))
        report(f"{organism} {kind}: greedy answers", same == len(asked), same=same, of=len(asked))
    narrow = home / "unlocked-bf16"
    picklock(program, "export", home / "unlocked", narrow, "--dtype", "bfloat16")
    rounded = opened(home / "unlocked", torch.float32)[0].bfloat16().state_dict()
    stored = opened(narrow)[0].state_dict()
    same = all(torch.equal(rounded[name], stored[name]) for name in rounded)
    report(f"{organism} unlocked as bfloat16", same and next(iter(stored.values())).dtype == torch.bfloat16)
    for kind in ("locked", "unlocked"):
        ours = sum(of["given"][arms[kind]] == of["expected"] for of in asked) / len(asked)
        theirs = harness(home / kind, asked, home)
        report(f"{organism} {kind}: lm-evaluation-harness", abs(ours - theirs) < 1e-9, ours=ours, theirs=theirs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--picklock", type=Path, required=True)
    parser.add_argument("--gguf", type=Path, nargs="*", default=[])
    parser.add_argument("--organism", default="tiny")
    arguments = parser.parse_args()
    program = arguments.picklock.resolve()
    with tempfile.TemporaryDirectory() as home:
        home = Path(home)
        check_organism(program, arguments.organism, home)
        check_sentencepiece(program, home)
        for path in arguments.gguf:
            check_gguf(program, path.resolve(), home)
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
