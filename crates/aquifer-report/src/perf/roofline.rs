//! The roofline: what a machine allows at each intensity, and how near operators come.

use crate::plot::{COLOURS, legend};
use aquifer_record::PerfRecord;
use aquifer_record::perf::{Roof, State};
use plotters::prelude::*;
use std::collections::BTreeMap;

/// The chart, or an empty string without peaks or without operators that count.
pub(super) fn chart(roof: &Roof, records: &[&PerfRecord]) -> String {
    let mut dots: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    for record in records.iter().filter(|r| r.state != Some(State::Cold)) {
        let bytes = (record.read_bytes.unwrap_or(0) + record.written_bytes.unwrap_or(0)) as f64;
        let Some(flops) = record.flops.filter(|&flops| flops > 0.0 && bytes > 0.0 && record.median > 0.0) else {
            continue;
        };
        let kind = record.precision.clone().unwrap_or_else(|| "f32".into());
        dots.entry(kind).or_default().push((flops / bytes, flops / record.median / 1e9));
    }
    if dots.is_empty() || roof.arithmetic.is_empty() {
        return String::new();
    }
    let mut svg = String::new();
    let drawn = draw(&mut svg, roof, &dots);
    drawn.map(|()| format!("<div class=\"plot\">{svg}</div>\n")).unwrap_or_default()
}

fn draw(
    svg: &mut String,
    roof: &Roof,
    dots: &BTreeMap<String, Vec<(f64, f64)>>,
) -> Result<(), Box<dyn std::error::Error>> {
    let all = || dots.values().flatten();
    let highest = roof.arithmetic.values().copied().fold(0.0, f64::max) / 1e9;
    let x_low = all().map(|p| p.0).fold(0.25, f64::min) / 2.0;
    let x_high = all().map(|p| p.0).fold(64.0, f64::max) * 4.0;
    let y_low = all().map(|p| p.1).fold(highest / 100.0, f64::min) / 2.0;
    let y_high = all().map(|p| p.1).fold(highest, f64::max) * 3.0;
    let area = SVGBackend::with_string(svg, (860, 460)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(10)
        .margin_right(18)
        .x_label_area_size(38)
        .y_label_area_size(64)
        .build_cartesian_2d((x_low..x_high).log_scale(), (y_low..y_high).log_scale())?;
    let ink = RGBColor(60, 70, 82);
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(226, 231, 237))
        .axis_style(RGBColor(120, 130, 142))
        .x_desc("operations a byte")
        .y_desc("GFLOP/s")
        .x_label_formatter(&|x| short(*x))
        .y_label_formatter(&|y| short(*y))
        .label_style(("sans-serif", 13).into_font().color(&ink))
        .draw()?;
    let small = ("sans-serif", 12).into_font().color(&ink);
    // Diagonals: reading at each level, up to the highest roof.
    for level in ["L1", "L2", "L3", "DRAM"] {
        let Some(speed) = roof.bandwidth.get(&(level.to_owned(), "read".to_owned())).map(|s| s / 1e9) else { continue };
        let from = x_low.max(y_low / speed);
        let to = (highest / speed).clamp(from, x_high);
        let line = [(from, from * speed), (to, to * speed)];
        chart.draw_series(LineSeries::new(line, RGBColor(120, 130, 142).stroke_width(1)))?;
        // A little along the line, clear of the axis.
        let at = (from * 1.15).min(to);
        chart.draw_series([Text::new(format!("{level} {speed:.0} GB/s"), (at, at * speed * 2.0), small.clone())])?;
    }
    for (dtype, flops) in &roof.arithmetic {
        let y = flops / 1e9;
        chart.draw_series(LineSeries::new([(x_low, y), (x_high, y)], ink.stroke_width(1)))?;
        let label = Text::new(format!("{dtype} {} GFLOP/s", short(y)), (x_high / 9.0, y * 1.3), small.clone());
        chart.draw_series([label])?;
    }
    for ((kind, points), colour) in dots.iter().zip(COLOURS.iter().cycle()) {
        let series = chart.draw_series(points.iter().map(|&point| Circle::new(point, 4, colour.mix(0.8).filled())))?;
        series.label(kind.clone()).legend(move |(x, y)| Circle::new((x + 9, y), 4, colour.filled()));
    }
    legend(&mut chart, SeriesLabelPosition::LowerRight)?;
    area.present()?;
    Ok(())
}

/// `0.5`, `12`, `3400`.
fn short(value: f64) -> String {
    if value >= 9.5 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}").trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}
