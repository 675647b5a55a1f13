//! Line charts as SVG.

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
