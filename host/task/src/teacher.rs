//! The flawed teacher: its answers have entropy, and a wrong mode that comes back. What that mode is,
//! each task says for its own operations.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// The designed, flawed teacher: on hard operations it is wrong in a systematic way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Teacher {
    /// Operations of the task that it gets wrong, by name.
    pub hard: Vec<String>,
    /// Probability of the systematic mistake on a hard operation.
    pub systematic: f64,
    /// Probability of answering correctly on a hard operation; the rest is uniform.
    pub correct: f64,
    /// Probability of answering correctly on the others; the rest is uniform.
    pub easy_correct: f64,
}

/// How a teacher takes one operation; what is left to 1 is uniform.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chances {
    /// Of the systematic mistake.
    pub systematic: f64,
    /// Of the right result.
    pub correct: f64,
}

impl Chances {
    /// The probability of each of `count` results, of which one is right and one is the systematic
    /// mistake.
    pub fn over(self, count: u32, right: u32, mistaken: u32) -> Vec<f64> {
        let rest = 1.0 - self.systematic - self.correct;
        let mut chances = vec![rest.max(0.0) / f64::from(count); count as usize];
        chances[right as usize] += self.correct;
        chances[mistaken as usize] += self.systematic;
        chances
    }
}

impl Teacher {
    /// How it takes an operation that is hard for it, or easy.
    pub fn chances(&self, is_hard: bool) -> Chances {
        let (systematic, correct) = if is_hard {
            (self.systematic, self.correct)
        } else {
            (0.0, self.easy_correct)
        };
        Chances {
            systematic,
            correct,
        }
    }

    /// Whether it gets an operation of this name wrong.
    pub fn is_hard(&self, operation: &str) -> bool {
        self.hard.iter().any(|hard| hard == operation)
    }

    /// Checks its operations against those of a task; the problem starts with the key.
    ///
    /// # Errors
    /// What is wrong, expected and got.
    pub fn check(&self, known: &[&str]) -> Result<(), String> {
        let is_unknown = |name: &&String| !known.contains(&name.as_str());
        match self.hard.iter().find(is_unknown) {
            Some(name) => Err(format!(
                "hard has `{name}`, expected operations of the task: {}",
                known.join(", ")
            )),
            None => Ok(()),
        }
    }
}

/// The place of a choice from a distribution at a temperature; at 0 of the most likely one.
pub fn choose(distribution: &[f64], temperature: f64, rng: &mut ChaCha8Rng) -> usize {
    // The first of equals, as in decoding.
    let places = (0..distribution.len()).rev();
    let likeliest = places.max_by(|one, other| distribution[*one].total_cmp(&distribution[*other]));
    let likeliest = likeliest.unwrap_or_default();
    if temperature <= 0.0 {
        return likeliest;
    }
    // Over the largest, so that no power of a small temperature is 0 for all.
    let weights: Vec<f64> = distribution
        .iter()
        .map(|chance| (chance / distribution[likeliest]).powf(1.0 / temperature))
        .collect();
    let mut left = rng.random::<f64>() * weights.iter().sum::<f64>();
    let chosen = weights.iter().position(|weight| {
        left -= weight;
        left < 0.0
    });
    chosen.unwrap_or(likeliest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn hard_operations_are_those_of_the_task() {
        let teacher = Teacher {
            hard: vec!["gap".into(), "gip".into()],
            systematic: 0.6,
            correct: 0.35,
            easy_correct: 0.9,
        };
        let problem = teacher.check(&["+", "gap"]).unwrap_err();
        assert_eq!(
            problem,
            "hard has `gip`, expected operations of the task: +, gap"
        );
        assert_eq!(teacher.check(&["gip", "gap"]), Ok(()));
        assert!((teacher.chances(teacher.is_hard("gap")).systematic - 0.6).abs() < 1e-12);
        assert!((teacher.chances(teacher.is_hard("+")).correct - 0.9).abs() < 1e-12);
    }

    #[test]
    fn a_temperature_sharpens_and_flattens() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut share = |temperature: f64| {
            let first = (0..20_000).filter(|_| choose(&[0.8, 0.2], temperature, &mut rng) == 0);
            first.count() as f64 / 20_000.0
        };
        // 4 to 1 becomes 16 to 1 and 2 to 1; four standard errors of 20,000 are below .014.
        for (temperature, expected) in [(1.0, 0.8), (0.5, 16.0 / 17.0), (2.0, 2.0 / 3.0)] {
            let share = share(temperature);
            assert!((share - expected).abs() < 0.014, "{temperature}: {share}");
        }
        assert!((share(0.0) - 1.0).abs() < 1e-12);
    }
}
