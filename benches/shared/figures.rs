//! Figures of several runs.

/// The middle one of some figures; not a number of none.
pub fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = figures.collect();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[length / 2],
        length => f64::midpoint(sorted[length / 2 - 1], sorted[length / 2]),
    }
}

/// How far they lie apart: (largest - smallest) / 2, in percent of the median.
pub fn spread_percent(figures: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = figures.clone().fold(f64::MIN, f64::max);
    let smallest = figures.clone().fold(f64::MAX, f64::min);
    (largest - smallest) / 2.0 / median(figures) * 100.0
}
