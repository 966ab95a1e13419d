//! Scales: from numbers to pixels, and which numbers to write beside an axis.

/// A straight or logarithmic scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    from: (f64, f64),
    to: (f64, f64),
    log: bool,
}

impl Scale {
    /// From the numbers `from.0` to `from.1` onto the pixels `to.0` to `to.1`.
    pub fn new(from: (f64, f64), to: (f64, f64)) -> Self {
        let from = if from.0 < from.1 {
            from
        } else {
            (from.0 - 1.0, from.0 + 1.0)
        };
        let log = false;
        Self { from, to, log }
    }

    /// Logarithmic; both numbers must be above 0.
    pub fn log(from: (f64, f64), to: (f64, f64)) -> Self {
        Self {
            log: true,
            ..Self::new(from, to)
        }
    }

    /// Where a number stands; numbers beyond the ends stand there.
    pub fn at(&self, number: f64) -> f64 {
        let of = |number: f64| if self.log { number.ln() } else { number };
        let (low, high) = (of(self.from.0), of(self.from.1));
        let number = of(number.clamp(self.from.0, self.from.1));
        self.to.0 + (number - low) / (high - low) * (self.to.1 - self.to.0)
    }

    /// Round numbers along the scale, about `count` of them.
    pub fn ticks(&self, count: usize) -> Vec<f64> {
        let step = round_step((self.from.1 - self.from.0) / count.max(1) as f64);
        let first = (self.from.0 / step).ceil() as i64;
        let last = (self.from.1 / step).floor() as i64;
        (first..=last).map(|index| index as f64 * step).collect()
    }
}

/// The next 1, 2 or 5 times a power of 10.
fn round_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let mut factors = [1.0, 2.0, 5.0].into_iter();
    let fits = factors.find(|factor| factor * power >= step * 0.999);
    fits.unwrap_or(10.0) * power
}

/// Texts along a line that don't lie on each other: of neighbours that would, the earlier ones.
pub fn without_overlap(places: &[(f64, f64)], gap: f64) -> Vec<bool> {
    let mut end = f64::NEG_INFINITY;
    let fits = |(middle, width): &(f64, f64)| {
        let free = middle - width / 2.0 >= end + gap;
        if free {
            end = middle + width / 2.0;
        }
        free
    };
    places.iter().map(fits).collect()
}

/// Moves heights apart that are closer than `gap`, in their order, within `low` to `high`.
pub fn spread(heights: &[f64], gap: f64, low: f64, high: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..heights.len()).collect();
    order.sort_by(|a, b| heights[*a].total_cmp(&heights[*b]));
    let mut places = heights.to_vec();
    let mut above = low - gap;
    for index in &order {
        places[*index] = places[*index].max(above + gap);
        above = places[*index];
    }
    let mut below = high + gap;
    for index in order.iter().rev() {
        places[*index] = places[*index].min(below - gap);
        below = places[*index];
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within() {
        let scale = Scale::new((-14.0, 70.0), (0.0, 100.0));
        assert_eq!(scale.ticks(5), [0.0, 20.0, 40.0, 60.0]);
        assert_eq!(
            Scale::new((0.0, 200.0), (0.0, 1.0)).ticks(4),
            [0.0, 50.0, 100.0, 150.0, 200.0]
        );
    }

    #[test]
    fn numbers_beyond_the_ends_stand_there() {
        let scale = Scale::log((1.0, 100.0), (0.0, 10.0));
        let places = [0.5, 10.0, 1000.0].map(|x| scale.at(x).round() as i32);
        assert_eq!(places, [0, 5, 10]);
    }

    #[test]
    fn labels_keep_their_distance_and_stay_inside() {
        assert_eq!(
            spread(&[10.0, 11.0, 12.0], 10.0, 0.0, 30.0),
            [10.0, 20.0, 30.0]
        );
        assert_eq!(spread(&[29.0, 30.0], 10.0, 0.0, 30.0), [20.0, 30.0]);
        assert_eq!(
            without_overlap(&[(0.0, 10.0), (8.0, 10.0), (20.0, 10.0)], 2.0),
            [true, false, true]
        );
    }
}
