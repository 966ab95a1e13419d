//! What a pre-registration can't mean, although each of its keys is fine.

use picklock_sdk::Value;

use super::arm_ref::{ArmRef, core_arms};
use super::registration::{Expect, Margin, Prediction, RegisteredArm, Registration};
use super::spot::Spot;

/// Where a contradiction stands, and what it is.
pub type Contradiction = (Spot, String);

impl Registration {
    /// The first contradiction.
    pub(super) fn contradiction(&self) -> Option<Contradiction> {
        self.odd_text()
            .or_else(|| self.odd_number())
            .or_else(|| self.odd_arm())
            .or_else(|| self.odd_prediction())
    }

    fn odd_text(&self) -> Option<Contradiction> {
        let texts = [
            ("claim", &self.claim),
            ("said_by", &self.said_by),
            ("source", &self.source),
        ];
        let (key, _) = texts.into_iter().find(|(_, text)| text.trim().is_empty())?;
        Some((top(key), format!("{key} is empty, expected a text")))
    }

    fn odd_number(&self) -> Option<Contradiction> {
        if !(self.alpha > 0.0 && self.alpha <= 0.2) {
            let problem = format!("alpha is {}, expected above 0 to 0.2", self.alpha);
            return Some((top("alpha"), problem));
        }
        let least = [
            ("seeds", self.least.seeds),
            ("draws", self.least.draws),
            ("problems", self.least.problems),
        ];
        if let Some((key, _)) = least.into_iter().find(|(_, count)| *count == 0) {
            let problem = format!("least {key} is 0, expected at least 1");
            return Some((top("least").key(key), problem));
        }
        if self.core.absolute(&self.name) == core_arms().1 {
            let problem = "core's effect would compare core/locked with itself".to_string();
            return Some((top("core"), problem));
        }
        if self.time_limit_s == 0 {
            let problem = "time_limit_s is 0, expected at least 1".to_string();
            return Some((top("time_limit_s"), problem));
        }
        odd_margin(
            top("smallest_effect"),
            "smallest_effect",
            self.smallest_effect,
        )
    }

    fn odd_arm(&self) -> Option<Contradiction> {
        if self.arms.is_empty() {
            return Some((top("arms"), "no arms, expected at least one".into()));
        }
        let mut arms = self.arms.iter().enumerate();
        arms.find_map(|(index, arm)| {
            let here = top("arms").item(index);
            let RegisteredArm { name, control, .. } = arm;
            if !is_name(name) {
                let problem =
                    format!("arm {name:?}: expected lower-case letters, digits, hyphens and dots");
                return Some((here.key("name"), problem));
            }
            let before = &self.arms[..index];
            if before.iter().any(|other| other.name == *name) {
                return Some((here.key("name"), format!("arm `{name}` is there twice")));
            }
            let own = ArmRef::of(&self.name, name);
            let control = control.as_ref().map(|arm| arm.absolute(&self.name));
            if control == Some(own) {
                let problem = format!("arm `{name}` is its own control");
                return Some((here.key("control"), problem));
            }
            let (name, _) = arm.parameters.iter().find(|(_, value)| !is_finite(value))?;
            let problem = format!("parameter `{name}` is not finite, expected a number");
            Some((here.key("parameters").key(name), problem))
        })
    }

    fn odd_prediction(&self) -> Option<Contradiction> {
        for (index, prediction) in self.predictions.iter().enumerate() {
            let here = top("predictions").item(index);
            let name = &prediction.name;
            if name.trim().is_empty() {
                return Some((here.key("name"), "a prediction needs a name".into()));
            }
            let before = &self.predictions[..index];
            if before.iter().any(|other| other.name == *name) {
                let problem = format!("prediction `{name}` is there twice");
                return Some((here.key("name"), problem));
            }
            if let Some((spot, problem)) = prediction.contradiction(&here, &self.name) {
                return Some((spot, format!("prediction `{name}`: {problem}")));
            }
        }
        let mut predictions = self.predictions.iter();
        if predictions.any(|prediction| prediction.confirmatory) {
            return None;
        }
        let problem = "no confirmatory prediction, expected at least one";
        Some((top("predictions"), problem.into()))
    }
}

impl Prediction {
    fn contradiction(&self, here: &Spot, home: &str) -> Option<Contradiction> {
        let keys = self.odd_margin_key().or_else(|| self.odd_ratio_key());
        if let Some((key, problem)) = keys.or_else(|| self.odd_baseline_key()) {
            return Some((here.clone().key(key), problem));
        }
        self.odd_size(here)
            .or_else(|| self.arm_against_itself(here, home))
    }

    fn odd_margin_key(&self) -> Option<(&'static str, String)> {
        let wants = matches!(self.expect, Expect::Equivalent | Expect::NonInferior);
        match (wants, self.margin.is_some()) {
            (true, false) => Some(("expect", "this expectation needs `margin`".into())),
            (false, true) => Some(("margin", "this expectation takes no `margin`".into())),
            _ => None,
        }
    }

    fn odd_ratio_key(&self) -> Option<(&'static str, String)> {
        let keys = [
            ("ratio", self.ratio.is_some()),
            ("reference", self.reference.is_some()),
            ("reference_baseline", self.reference_baseline.is_some()),
        ];
        if self.expect == Expect::RatioWithin {
            let (key, _) = keys[..2].iter().find(|(_, given)| !given)?;
            let problem = format!("this expectation needs `ratio` and `reference`, has no `{key}`");
            return Some(("expect", problem));
        }
        let (key, _) = keys.into_iter().find(|(_, given)| *given)?;
        Some((key, format!("this expectation takes no `{key}`")))
    }

    fn odd_baseline_key(&self) -> Option<(&'static str, String)> {
        let treated = self.treated_baseline.is_some();
        let given = match treated {
            true => "treated_baseline",
            false => "control_baseline",
        };
        if treated != self.control_baseline.is_some() {
            let problem = "needs `treated_baseline` and `control_baseline`, or neither";
            return Some((given, problem.into()));
        }
        let both = treated && !self.through.is_empty();
        both.then(|| {
            let problem = "takes either baselines or `through`, not both";
            ("through", problem.to_string())
        })
    }

    fn odd_size(&self, here: &Spot) -> Option<Contradiction> {
        if let Some(margin) = self.margin {
            return odd_margin(here.clone().key("margin"), "margin", margin);
        }
        let [low, high] = self.ratio?;
        let fine = low < high && low.is_finite();
        (!fine).then(|| {
            let problem = format!("ratio [{low}, {high}], expected a lower and a higher number");
            (here.clone().key("ratio"), problem)
        })
    }

    fn arm_against_itself(&self, here: &Spot, home: &str) -> Option<Contradiction> {
        let same = |one: &ArmRef, other: &ArmRef| one.absolute(home) == other.absolute(home);
        let itself = |spot: Spot| (spot, "compares an arm with itself".to_string());
        if same(&self.treated, &self.control) {
            return Some(itself(here.clone().key("control")));
        }
        if let (Some(treated), Some(control)) = (&self.treated_baseline, &self.control_baseline) {
            if same(&self.treated, treated) {
                return Some(itself(here.clone().key("treated_baseline")));
            }
            if same(&self.control, control) {
                return Some(itself(here.clone().key("control_baseline")));
            }
        }
        let whole = self.reference_baseline.as_ref().unwrap_or(&self.control);
        if self.reference.as_ref().is_some_and(|arm| same(arm, whole)) {
            return Some(itself(here.clone().key("reference")));
        }
        let mut trend = vec![&self.control, &self.treated];
        for (index, arm) in self.through.iter().enumerate() {
            if trend.iter().any(|known| same(known, arm)) {
                let problem = format!("arm `{arm}` is in its trend twice");
                return Some((here.clone().key("through").item(index), problem));
            }
            trend.push(arm);
        }
        None
    }
}

fn top(key: &str) -> Spot {
    Spot::default().key(key)
}

fn odd_margin(spot: Spot, name: &str, margin: Margin) -> Option<Contradiction> {
    let (key, size) = match margin {
        Margin::Points(size) => ("points", size),
        Margin::CoreShare(size) => ("core_share", size),
    };
    let fine = size.is_finite() && size > 0.0;
    (!fine).then(|| {
        let problem = format!("{name} {size}, expected a number above 0");
        (spot.key(key), problem)
    })
}

fn is_name(name: &str) -> bool {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    !name.is_empty() && name.len() <= 64 && name.chars().all(word)
}

fn is_finite(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_finite(),
        Value::Numbers(numbers) => numbers.iter().all(|number| number.is_finite()),
        Value::Text(_) => true,
    }
}
