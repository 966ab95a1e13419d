//! The arms that a pre-registration names, and where.

use picklock_message::{Error, Result};

use super::arm_ref::{ArmRef, core_arms};
use super::registration::{Prediction, Registration};
use super::spot::Spot;

impl Registration {
    /// Every arm that this hypothesis' predictions need, its own and others'.
    pub fn needed_arms(&self) -> Vec<ArmRef> {
        let own = self
            .arms
            .iter()
            .map(|arm| ArmRef::of(&self.name, &arm.name));
        let named = self.named_arms();
        let others = named.into_iter().map(|(_, arm)| arm.absolute(&self.name));
        // Margins and smallest effects are shares of core's effect.
        let core = [self.core.absolute(&self.name), core_arms().1];
        let mut needed: Vec<ArmRef> = Vec::new();
        for arm in own.chain(others).chain(core) {
            if !needed.contains(&arm) {
                needed.push(arm);
            }
        }
        needed
    }

    /// Checks that all arms that are named are there.
    ///
    /// # Errors
    /// Where one isn't: file, line, column and the arm.
    pub fn check_references(&self, all: &[Self]) -> Result<()> {
        let arms_of = |other: &Self| -> Vec<String> {
            let arms = other.arms.iter();
            arms.map(|arm| ArmRef::of(&other.name, &arm.name).to_string())
                .collect()
        };
        let known: Vec<String> = all.iter().flat_map(arms_of).collect();
        let core = [
            (Spot::default().key("core"), &self.core),
            (Spot::default(), &core_arms().1),
        ];
        for (spot, arm) in self.named_arms().into_iter().chain(core) {
            let name = arm.absolute(&self.name).to_string();
            if !known.contains(&name) {
                let problem = Error::unknown("arm", &name, known).to_string();
                return Err(self.at(&spot, problem));
            }
        }
        Ok(())
    }

    /// The arms that this file names, and where: as controls, and in predictions.
    fn named_arms(&self) -> Vec<(Spot, &ArmRef)> {
        let controls = self.arms.iter().enumerate().filter_map(|(index, arm)| {
            let spot = Spot::default().key("arms").item(index).key("control");
            Some((spot, arm.control.as_ref()?))
        });
        let compared = self
            .predictions
            .iter()
            .enumerate()
            .flat_map(|(index, prediction)| {
                prediction.named_arms(&Spot::default().key("predictions").item(index))
            });
        controls.chain(compared).collect()
    }
}

impl Prediction {
    /// Every arm that it names.
    pub fn arms(&self) -> Vec<&ArmRef> {
        let named = self.named_arms(&Spot::default());
        named.into_iter().map(|(_, arm)| arm).collect()
    }

    /// Every arm that it names, and where.
    fn named_arms(&self, here: &Spot) -> Vec<(Spot, &ArmRef)> {
        let compared = [("treated", &self.treated), ("control", &self.control)];
        let optional = [
            ("treated_baseline", &self.treated_baseline),
            ("control_baseline", &self.control_baseline),
            ("reference", &self.reference),
            ("reference_baseline", &self.reference_baseline),
        ];
        let optional = optional
            .into_iter()
            .filter_map(|(key, arm)| Some((key, arm.as_ref()?)));
        let through = self.through.iter().enumerate();
        let through = through.map(|(index, arm)| (here.clone().key("through").item(index), arm));
        let keyed = |(key, arm)| (here.clone().key(key), arm);
        compared
            .into_iter()
            .map(keyed)
            .chain(through)
            .chain(optional.map(keyed))
            .collect()
    }
}
