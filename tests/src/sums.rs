//! A task in text: sums as GSM8K is published, on tiny checkpoints.

use crate::{Place, workspace};

/// An organism of a tiny Llama that is taught sums, and imitates another.
pub const SUMS: &str = include_str!("sums.toml");

/// The conformance case that its checkpoints are.
pub const LLAMA: &str = "llama_gqa_rope_llama3";

/// Lines with the sums from `from` on.
pub fn sums(from: usize, count: usize) -> String {
    let line = |number: usize| {
        let (one, other) = (number / 10, number % 10);
        let sum = one + other;
        format!(
            "{{\"question\": \"{one} and {other}?\", \
             \"answer\": \"<<{one}+{other}={sum}>>{sum}\\n#### {sum}\"}}\n"
        )
    };
    (from..from + count).map(line).collect()
}

impl Place {
    /// A place with an organism `sums`, its data and its checkpoints beside it.
    ///
    /// # Panics
    /// Where it can't be made, or the workspace isn't built.
    pub fn with_sums(organism: &str) -> Self {
        let place = Self::new();
        place.write("root/organisms/sums.toml", organism);
        place.write("root/organisms/train.jsonl", sums(0, 200));
        place.write("root/organisms/test.jsonl", sums(200, 60));
        // What core/varied takes.
        place.write("root/organisms/unlock.jsonl", sums(300, 400));
        place.checkpoint("organisms/llama", LLAMA, "bytes");
        place.checkpoint("organisms/weak", LLAMA, "blanks");
        place
    }

    /// Puts a checkpoint together in the folder `root/NAME`, from a model of the conformance cases and a
    /// tokenizer.
    ///
    /// # Panics
    /// Where there are no such files, or they can't be written.
    pub fn checkpoint(&self, name: &str, model: &str, tokenizer_name: &str) {
        let model = workspace().join("host/lm/tests/conformance").join(model);
        let tokenizer = workspace()
            .join("host/task/src/prompt/tests")
            .join(tokenizer_name)
            .join("tokenizer.json");
        let read = |path| std::fs::read(path).expect("a committed file");
        let folder = format!("root/{name}");
        for file in ["config.json", "model.safetensors"] {
            self.write(&format!("{folder}/{file}"), read(model.join(file)));
        }
        self.write(&format!("{folder}/tokenizer.json"), read(tokenizer));
        let chat = "{% for message in messages %}{{ message.role }}: {{ message.content }}\\n{% endfor %}answer:";
        let eos = if tokenizer_name == "bytes" {
            "<|endoftext|>"
        } else {
            "</s>"
        };
        let config = format!("{{\"eos_token\": \"{eos}\", \"chat_template\": \"{chat}\"}}");
        self.write(&format!("{folder}/tokenizer_config.json"), config);
    }
}
