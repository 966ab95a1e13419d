//! What the results depend on, and how to make them again.

use picklock_record::{Manifest, RunPlugin};

use super::section::{Block, Section};
use crate::table::Table;

/// The version of the CSV tables. It rises where a column changes its meaning or goes; columns that
/// are added on the right don't change it.
const CSV_FORMAT: u32 = 1;

pub(super) fn section(manifest: &Manifest) -> Option<Section> {
    let mut table = Table::new("Manifest", "what | value");
    let (git, driver) = (manifest.git.clone(), manifest.environment.driver.clone());
    let rows = [
        ("picklock", manifest.picklock.clone()),
        (
            "commit",
            git.unwrap_or_else(|| "not in a repository".into()),
        ),
        (
            "organism",
            format!("{}: {}", manifest.organism.name, manifest.organism.summary),
        ),
        ("root seed", manifest.root_seed.to_string()),
        (
            "seeds",
            format!("{} ({} planned)", manifest.seeds, manifest.planned_seeds),
        ),
        ("draws", manifest.draws.to_string()),
        (
            "stacks",
            format!(
                "{} seeds a block, {} trials wide",
                manifest.geometry.seeds_per_block, manifest.geometry.width
            ),
        ),
        ("numeric environment", manifest.environment.numeric()),
        ("driver", driver.unwrap_or_else(|| "none".into())),
        ("format of the tables", CSV_FORMAT.to_string()),
    ];
    for (name, value) in rows {
        table.row([name.to_string(), value]);
    }
    let columns = "hypothesis | judged | plugin | SDK | plugin file, SHA-256 | \
        pre-registration, SHA-256";
    let mut plugins = Table::new("Plugins and pre-registrations", columns);
    for hypothesis in &manifest.hypotheses {
        let judged = if hypothesis.judged { "yes" } else { "no" };
        let plugin = |of: fn(&RunPlugin) -> String| {
            hypothesis
                .plugin
                .as_ref()
                .map_or_else(|| "refused".into(), of)
        };
        plugins.row([
            hypothesis.name.clone(),
            judged.to_string(),
            plugin(|plugin| plugin.version.clone()),
            plugin(|plugin| plugin.sdk.clone()),
            plugin(|plugin| plugin.file.to_string()),
            hypothesis.registration.to_string(),
        ]);
    }
    let mut blocks = vec![
        Block::Verbatim {
            caption: "To make it again".into(),
            text: command(manifest),
        },
        Block::Table(table),
        Block::Folded(plugins),
    ];
    if let Ok(organism) = serde_json::to_string_pretty(&manifest.organism) {
        blocks.push(Block::Verbatim {
            caption: "The organism".into(),
            text: organism,
        });
    }
    Section::of("manifest", "Manifest, and how to reproduce it", blocks)
}

/// The commands that give the same run.
fn command(manifest: &Manifest) -> String {
    let checkout = manifest.git.as_ref().map_or_else(String::new, |git| {
        let (commit, dirty) = match git.strip_suffix("-dirty") {
            Some(commit) => (commit, "    # and changes that were not committed"),
            None => (git.as_str(), ""),
        };
        format!("git checkout {commit}{dirty}\nmake setup && cargo build --workspace\n")
    });
    let judged = manifest.hypotheses.iter().filter(|known| known.judged);
    let names: Vec<&str> = judged.map(|hypothesis| hypothesis.name.as_str()).collect();
    let root = match manifest.root_seed {
        0 => String::new(),
        seed => format!(" --root-seed {seed}"),
    };
    let on_cpu = manifest.environment.device.starts_with("cpu");
    format!(
        "{checkout}target/debug/picklock run {} --organism {} --seeds {} --draws {}{root}{}",
        names.join(" "),
        manifest.organism.name,
        manifest.seeds,
        manifest.draws,
        if on_cpu { "" } else { " --device cuda:0" }
    )
}
