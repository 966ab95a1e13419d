//! What the recipes of organism files compute in, in words.

use picklock_sdk::{Float, Precision};

use super::spec::Organism;

/// What the recipes of an organism keep numbers and compute in. A plugin's own recipe may say
/// otherwise.
pub fn precision(organism: &Organism) -> String {
    let (base, weak) = (organism.base.as_ref(), organism.weak.as_ref());
    let recipes = [
        ("base", base.and_then(|base| base.train.as_ref())),
        ("weak", weak.and_then(|weak| weak.train.as_ref())),
        ("lock", organism.lock.as_ref().map(|lock| &lock.train)),
        ("unlock", Some(&organism.unlock)),
    ];
    let said = recipes
        .into_iter()
        .filter_map(|(name, recipe)| Some((name, words(recipe?.precision))));
    let said: Vec<(&str, String)> = said.collect();
    let first = &said[0].1;
    if said.iter().all(|(_, words)| words == first) {
        return first.clone();
    }
    let parts = said.iter().map(|(name, words)| format!("{name} {words}"));
    parts.collect::<Vec<_>>().join("; ")
}

fn words(precision: Precision) -> String {
    let short = |float: Float| match float {
        Float::Float32 => "fp32",
        Float::Bfloat16 => "bf16",
    };
    let (weights, states) = (short(precision.weights), short(precision.states));
    match precision {
        Precision { master: true, .. } => {
            format!("{weights} arithmetic on fp32 master weights, {states} states")
        }
        _ if weights == states => format!("{weights} weights, states and arithmetic"),
        _ => format!("{weights} weights and arithmetic, {states} states"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_says_what_recipes_compute_in() {
        let file = format!("{}/../organisms/tiny.toml", env!("CARGO_MANIFEST_DIR"));
        let mut organism = Organism::read(std::path::Path::new(&file)).unwrap();
        assert_eq!(precision(&organism), "fp32 weights, states and arithmetic");
        organism.unlock.precision = Precision {
            weights: Float::Bfloat16,
            master: true,
            states: Float::Bfloat16,
        };
        let fp32 = "fp32 weights, states and arithmetic";
        let unlock = "bf16 arithmetic on fp32 master weights, bf16 states";
        let all = format!("base {fp32}; weak {fp32}; lock {fp32}; unlock {unlock}");
        assert_eq!(precision(&organism), all);
        let bare = Precision {
            weights: Float::Bfloat16,
            master: false,
            states: Float::Float32,
        };
        assert_eq!(words(bare), "bf16 weights and arithmetic, fp32 states");
    }
}
