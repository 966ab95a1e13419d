//! `picklock bench`: how fast this machine is, one JSON line a figure.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use picklock_family::Shape;
use picklock_lm::runtime;
use picklock_message::{Error, Exit, Result};
use picklock_record::{Roots, organism};

use crate::bench::{self, Figure};

/// Measure unlocking, decoding and loading on this machine, one JSON line a figure, each beside the
/// floor that the machine's own copy and matrix product set. Weights of shapes are random.
#[derive(Args)]
pub struct Bench {
    /// Shapes of checkpoints: SmolLM2-135M, TinyLlama-1.1B, DeepSeek-7B; may be repeated.
    #[arg(
        long = "shape",
        value_name = "SHAPE",
        value_parser = shape(),
        required_unless_present_any = ["organism", "folders"]
    )]
    shapes: Vec<Shape>,
    /// Load the checkpoint in this folder instead, or besides; may be repeated.
    #[arg(long = "load", value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// Unlock the model of this organism (a preset or a file) instead, or besides.
    #[arg(long, value_name = "NAME")]
    organism: Option<String>,
    /// Unlocks of the organism that run in one stack.
    #[arg(long, default_value_t = 64, value_name = "R", requires = "organism", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    stack: u32,
    /// Where: cpu or cuda:N.
    #[arg(long, default_value = "cpu", value_name = "DEVICE")]
    device: String,
}

impl Bench {
    /// Runs the command.
    ///
    /// # Errors
    /// Where the input is bad or the device refuses.
    pub fn main(&self, roots: &Roots) -> Result<Exit> {
        let organism = self
            .organism
            .as_ref()
            .map(|name| organism::find(name, roots))
            .transpose()?;
        tracing_subscriber::fmt()
            .with_writer(std::io::stderr)
            .with_max_level(tracing::Level::WARN)
            .without_time()
            .with_target(false)
            .init();
        runtime::start(Some(1));
        let request = bench::Request {
            shapes: &self.shapes,
            organism: organism.as_ref().map(|organism| (organism, self.stack)),
            folders: &self.folders,
            device: runtime::parse_device(&self.device)?,
        };
        // Whoever closes standard output has read enough.
        let mut closed = false;
        let measured = bench::measure(&request, &mut |figure| {
            print(figure).map_err(|error| {
                closed = error.kind() == std::io::ErrorKind::BrokenPipe;
                Error::Worker(format!("stdout: {error}"))
            })
        });
        if closed {
            return Ok(Exit::Done);
        }
        measured.map(|()| Exit::Done)
    }
}

fn print(figure: &Figure) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, figure)?;
    writeln!(out)?;
    out.flush()
}

/// Reads a shape by its name.
fn shape() -> impl TypedValueParser<Value = Shape> {
    PossibleValuesParser::new(Shape::ALL.map(Shape::name)).try_map(|name| {
        let named = Shape::ALL.into_iter().find(|shape| shape.name() == name);
        named.ok_or("no such shape")
    })
}
