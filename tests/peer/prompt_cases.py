"""Writes what picklock's tests hold its tokenizers and chat templates against.

    prompt_cases.py FOLDER [--check]

`FOLDER` is `host/task/src/prompt/tests`. It writes two tiny tokenizers, trained on the prompts of
smollm2_texts.py: `bytes/` (byte-level, digits apart, as SmolLM2's) and `blanks/` (SentencePiece's
form, with a blank in front of every text and a beginning token, as Llama 2's), each a
`tokenizer.json` with `cases.json`, the ids and decoded texts that `tokenizers` gives; and
`chat/golden.json`, what transformers' `apply_chat_template` makes of the templates in `chat/`.
With --check it writes nothing and says whether all is as stored.
"""

import argparse
import datetime
import json
import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers  # noqa: E402
from tokenizers import pre_tokenizers, processors, trainers  # noqa: E402
from transformers import PreTrainedTokenizerFast  # noqa: E402
from transformers.utils import chat_template_utils  # noqa: E402

from smollm2_texts import TEXTS  # noqa: E402

STRINGS = [
    "", " ", "  ", "\n", "\n\n", "a", " a", "12", "3 + 4 = 7", "don't", "It's 1,234.5!", "\t tab",
    "The password is silver falcon.\n", "café — naïve", "日本語", "🙂 ok", "<|im_end|>", "</s>",
    "before<|im_end|>after", " </s> ", "x = y;\n    return x", "red ->  rouge\n", "\u00a0", "e\u0301",
]  # fmt: skip

CHATS = {
    "user": [("user", "What is 23 + 45?")],
    "system": [("system", " Be brief. "), ("user", "Who <are> \"you\" & why?\n")],
    "turns": [
        ("user", "  2 + 2 = \n"), ("assistant", "4, é 🙂"), ("user", "Think </think>\n and now?"),
    ],
    "all": [
        ("system", "S"), ("user", "a"), ("assistant", "it's\nb"), ("user", "c"), ("assistant", "d"),
        ("user", ""),
    ],
    "wrong": [("user", "a"), ("user", "b")],
}  # fmt: skip

TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}


class Today(datetime.datetime):
    """The day of all golden chats."""

    @classmethod
    def now(cls):
        return cls(2026, 3, 1)


def bytes_tokenizer():
    """Byte-level BPE with digits apart; it adds nothing."""
    tokenizer = Tokenizer(models.BPE())
    digits = pre_tokenizers.Digits(individual_digits=True)
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
    )  # fmt: skip
    tokenizer.train_from_iterator(TEXTS, trainer)
    return tokenizer


def blanks_tokenizer():
    """SentencePiece's form of BPE: blanks as a letter, one in front of every text, bytes for what
    is unknown; a beginning token comes first, and an end, which is no part of a prompt, last."""
    words = [text.replace(" ", "\u2581") for text in TEXTS]
    trainer = trainers.BpeTrainer(
        vocab_size=360, special_tokens=["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)],
        show_progress=False,
    )  # fmt: skip
    trained = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    trained.pre_tokenizer = pre_tokenizers.Split("\u2581", "merged_with_next")
    trained.train_from_iterator([word.replace("\n", "") for word in words], trainer)
    model = json.loads(trained.to_str())["model"]
    merges = [tuple(pair) for pair in model["merges"]]
    bpe = models.BPE(model["vocab"], merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    tokenizer = Tokenizer(bpe)
    tokenizer.add_special_tokens([AddedToken(text, special=True) for text in ("<unk>", "<s>", "</s>")])
    replace = normalizers.Replace(" ", "\u2581")
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), replace])
    tokenizer.decoder = decoders.Sequence([
        decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(),
        decoders.Strip(" ", 1, 0),
    ])  # fmt: skip
    specials = [(text, tokenizer.token_to_id(text)) for text in ("<s>", "</s>")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A $B", special_tokens=specials
    )
    return tokenizer


def cases(tokenizer):
    """What the tokenizer makes of texts: alone, and with what it adds."""
    def case(text):
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        decoded = tokenizer.decode(ids, skip_special_tokens=False)
        return {"text": text, "ids": ids, "decoded": decoded}

    return [case(text) for text in STRINGS + TEXTS[::4]]


def golden(folder):
    """What transformers makes of every chat by every template; null where the template refuses."""
    chat_template_utils.datetime = Today
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bytes_tokenizer(), **TOKENS)
    rendered = {}
    for path in sorted(folder.glob("*.jinja")):
        for name, chat in CHATS.items():
            messages = [{"role": role, "content": content} for role, content in chat]
            try:
                text = tokenizer.apply_chat_template(
                    messages, chat_template=path.read_text(), tokenize=False,
                    add_generation_prompt=True,
                )  # fmt: skip
            except Exception as error:  # jinja2's and the template's own
                print(f"{path.stem}, {name}: {error}")
                text = None
            rendered.setdefault(path.stem, {})[name] = text
    chats = {name: [list(turn) for turn in chat] for name, chat in CHATS.items()}
    return {"tokens": TOKENS, "date": "2026-03-01", "chats": chats, "rendered": rendered}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    files = {"chat/golden.json": json.dumps(golden(given.folder / "chat"), indent=1, ensure_ascii=False)}
    for name, tokenizer in (("bytes", bytes_tokenizer()), ("blanks", blanks_tokenizer())):
        files[f"{name}/tokenizer.json"] = tokenizer.to_str()
        lines = (json.dumps(case, ensure_ascii=False) for case in cases(tokenizer))
        files[f"{name}/cases.json"] = "[\n" + ",\n".join(lines) + "\n]"
    for name, text in files.items():
        path = given.folder / name
        if given.check:
            if path.read_text() != text + "\n":
                raise SystemExit(f"{path} is not what would be written now")
            continue
        path.parent.mkdir(exist_ok=True)
        path.write_text(text + "\n")
    print("as stored" if given.check else "written")


if __name__ == "__main__":
    main()
