//! Sensitivity checks beside each prediction's interval and p.

use picklock_stats::{Interval, Judgement};

use super::section::Section;
use crate::analysis::Analysis;
use crate::numbers;
use crate::table::Table;

pub(super) fn section(analysis: &Analysis) -> Option<Section> {
    let columns = "hypothesis | prediction | generalises to | #interval that decides | \
        #bootstrap | #p that decides | #sign flips | #least p of sign flips | \
        #ratio (Fieller)";
    let mut table = Table::new("Other procedures' answers", columns);
    let interval =
        |ends: Option<Interval>| ends.as_ref().map(numbers::interval).unwrap_or_default();
    for claim in &analysis.claims {
        for prediction in &claim.predictions {
            let checks = &prediction.checks;
            let judgement = prediction.verdict.judgement.as_ref();
            table.row([
                claim.registration.name.clone(),
                prediction.registered.name.clone(),
                prediction.generalises_to.clone(),
                interval(judgement.map(Judgement::interval)),
                interval(checks.bootstrap),
                numbers::optional_p(judgement.and_then(|judgement| judgement.p)),
                numbers::optional_p(checks.sign_flip.map(|test| test.p)),
                numbers::optional_p(checks.sign_flip.map(|test| test.smallest)),
                checks.ratio_text(),
            ]);
        }
    }
    let text = "They decide nothing. The bootstrap takes seeds, their draws and their problems with \
                replacement (percentile-t); with few seeds it is too sure of itself. Sign flips need no \
                distribution, but under 6 seeds they can't reach 0.05: their least p is shown. Fieller's \
                interval is that of the ratio of means.";
    Section::of_table("checks", "Sensitivity checks", text, table)
}
