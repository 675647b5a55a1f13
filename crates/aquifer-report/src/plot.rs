//! Line charts and histograms as SVG.

use aquifer_record::data::Histogram;
use plotters::coord::CoordTranslate;
use plotters::prelude::*;

/// One line of a chart.
#[derive(Clone, Debug, Default)]
pub struct Curve {
    /// Its name in the legend.
    pub label: String,
    /// Its points; those that are not finite are left out.
    pub points: Vec<(f64, f64)>,
    /// Whether to mark the points (for curves with few).
    pub dots: bool,
}

pub(crate) const COLOURS: [RGBColor; 6] = [
    RGBColor(31, 119, 180),
    RGBColor(214, 96, 39),
    RGBColor(44, 140, 84),
    RGBColor(148, 103, 189),
    RGBColor(140, 86, 75),
    RGBColor(90, 100, 110),
];

/// A chart of `curves`, or an empty string when there is nothing to draw.
pub fn line_chart(x_label: &str, y_label: &str, curves: &[Curve]) -> String {
    let finite = |&(x, y): &(f64, f64)| x.is_finite() && y.is_finite();
    let curves: Vec<Curve> = curves
        .iter()
        .map(|curve| Curve { points: curve.points.iter().copied().filter(finite).collect(), ..curve.clone() })
        .filter(|curve| !curve.points.is_empty())
        .collect();
    let Some((x_range, y_range)) = ranges(&curves) else { return String::new() };
    let mut svg = String::new();
    let drawn = draw(&mut svg, x_label, y_label, &curves, x_range, y_range);
    drawn.map(|()| svg).unwrap_or_default()
}

type Span = std::ops::Range<f64>;

fn ranges(curves: &[Curve]) -> Option<(Span, Span)> {
    let all = || curves.iter().flat_map(|curve| &curve.points);
    let (x_min, x_max) = all().map(|p| p.0).fold(None, widen)?;
    let (_, y_max) = all().map(|p| p.1).fold(None, widen)?;
    let (y_min, _) = all().map(|p| p.1).fold(None, widen)?;
    let pad = ((y_max - y_min) * 0.06).max(y_max.abs() * 1e-3).max(1e-9);
    Some((x_min..x_max.max(x_min + 1e-9), y_min - pad..y_max + pad))
}

fn widen(span: Option<(f64, f64)>, value: f64) -> Option<(f64, f64)> {
    Some(span.map_or((value, value), |(low, high)| (low.min(value), high.max(value))))
}

fn draw(
    svg: &mut String,
    x_label: &str,
    y_label: &str,
    curves: &[Curve],
    x: Span,
    y: Span,
) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::with_string(svg, (860, 320)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(10)
        .margin_right(18)
        .x_label_area_size(38)
        .y_label_area_size(56)
        .build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(226, 231, 237))
        .axis_style(RGBColor(120, 130, 142))
        .x_desc(x_label)
        .x_label_formatter(&tick)
        .y_label_formatter(&tick)
        .y_desc(y_label)
        .label_style(("sans-serif", 13).into_font().color(&RGBColor(60, 70, 82)))
        .draw()?;
    for (curve, colour) in curves.iter().zip(COLOURS.iter().cycle()) {
        let style = colour.stroke_width(2);
        let series = chart.draw_series(LineSeries::new(curve.points.iter().copied(), style))?;
        series.label(curve.label.clone()).legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        if curve.dots {
            chart.draw_series(curve.points.iter().map(|&point| Circle::new(point, 3, colour.filled())))?;
        }
    }
    if curves.len() > 1 {
        legend(&mut chart, SeriesLabelPosition::UpperRight)?;
    }
    area.present()?;
    Ok(())
}

/// Documents that stayed and that went by value, with the bounds drawn in; empty without values.
pub(crate) fn histogram(name: &str, bars: &Histogram, bounds: [Option<f64>; 2]) -> String {
    let mut svg = String::new();
    let highest = bars.stayed.iter().zip(&bars.went).map(|(a, b)| a + b).max().unwrap_or(0);
    let ends = bars.edges.first().zip(bars.edges.last());
    let drawn = ends.filter(|_| highest > 0).map(|(low, high)| {
        let scale = |x: f64| if bars.logarithmic { x.max(f64::MIN_POSITIVE).log2() } else { x };
        let area = SVGBackend::with_string(&mut svg, (420, 190)).into_drawing_area();
        draw_histogram(&area, name, bars, bounds, (scale(*low)..scale(*high), highest as f64), &scale)
    });
    drawn.map_or(String::new(), |drawn| drawn.map(|()| svg).unwrap_or_default())
}

fn draw_histogram(
    area: &DrawingArea<SVGBackend, plotters::coord::Shift>,
    name: &str,
    bars: &Histogram,
    bounds: [Option<f64>; 2],
    (x, highest): (Span, f64),
    scale: &dyn Fn(f64) -> f64,
) -> Result<(), Box<dyn std::error::Error>> {
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .margin_right(14)
        .caption(name, ("sans-serif", 14).into_font().color(&RGBColor(60, 70, 82)))
        .x_label_area_size(22)
        .y_label_area_size(40)
        .build_cartesian_2d(x, 0.0..highest * 1.05)?;
    let value = |x: &f64| tick(&if bars.logarithmic { x.exp2() } else { *x });
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(226, 231, 237))
        .axis_style(RGBColor(120, 130, 142))
        .x_labels(6)
        .y_labels(4)
        .x_label_formatter(&value)
        .y_label_formatter(&tick)
        .label_style(("sans-serif", 12).into_font().color(&RGBColor(60, 70, 82)))
        .draw()?;
    for (i, ends) in bars.edges.windows(2).enumerate() {
        let (from, to) = (scale(ends[0]), scale(ends[1]));
        let (stayed, went) = (bars.stayed[i] as f64, bars.went[i] as f64);
        chart.draw_series([
            Rectangle::new([(from, 0.0), (to, stayed)], COLOURS[0].mix(0.85).filled()),
            Rectangle::new([(from, stayed), (to, stayed + went)], COLOURS[1].mix(0.85).filled()),
        ])?;
    }
    for bound in bounds.into_iter().flatten().map(scale) {
        let line = PathElement::new([(bound, 0.0), (bound, highest * 1.05)], BLACK.stroke_width(2));
        chart.draw_series([line])?;
    }
    area.present()?;
    Ok(())
}

/// The names of what was drawn, in a corner.
pub(crate) fn legend<'a, B: DrawingBackend + 'a, C: CoordTranslate>(
    chart: &mut ChartContext<'a, B, C>,
    corner: SeriesLabelPosition,
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    let labels = &mut chart.configure_series_labels();
    labels.position(corner).background_style(WHITE.mix(0.85)).border_style(RGBColor(226, 231, 237));
    labels.label_font(("sans-serif", 13)).draw()
}

/// `600`, `1.2k`, `3M`, `0.25`: no zeros that say nothing.
fn tick(value: &f64) -> String {
    let (scaled, unit) = match value.abs() {
        v if v >= 1e6 => (value / 1e6, "M"),
        v if v >= 1e4 => (value / 1e3, "k"),
        _ => (*value, ""),
    };
    let digits = format!("{scaled:.3}");
    let short = digits.trim_end_matches('0').trim_end_matches('.');
    format!("{}{unit}", if short == "-0" { "0" } else { short })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_short() {
        assert_eq!([600.0, 0.25, 2.5e6, 20_000.0, 0.0].map(|v| tick(&v)), ["600", "0.25", "2.5M", "20k", "0"]);
    }

    #[test]
    fn charts_draw_what_is_finite_and_nothing_else() {
        assert_eq!(line_chart("x", "y", &[]), "");
        assert_eq!(line_chart("x", "y", &[Curve { points: vec![(0.0, f64::NAN)], ..Default::default() }]), "");
        let one =
            Curve { label: "train".into(), points: vec![(0.0, 1.0), (1.0, f64::INFINITY), (2.0, 0.5)], dots: true };
        let svg = line_chart("step", "loss", &[one.clone(), one]);
        assert!(svg.starts_with("<svg") && svg.contains("step") && svg.contains("train"), "{svg}");
        let flat = Curve { points: vec![(3.0, 1.0)], ..Default::default() };
        assert!(line_chart("x", "y", &[flat]).contains("<svg"));
    }
}
