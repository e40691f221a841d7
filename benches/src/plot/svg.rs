//! The few SVG elements that charts need.

use std::fmt::Write as _;

pub(crate) const WIDTH: f64 = 910.0;
/// The names are left of this.
pub(crate) const LEFT: f64 = 330.0;
/// Charts end here; the rest is for the last label.
pub(crate) const RIGHT: f64 = 830.0;

const HEAD: f64 = 64.0;
const DARK: &str = "#1e293b";
const GRAY: &str = "#64748b";

/// A picture that grows downwards.
pub(crate) struct Svg {
    body: String,
    pub(crate) y: f64,
}

impl Svg {
    pub(crate) fn new(title: &str, subtitle: &str) -> Self {
        let mut svg = Self { body: String::new(), y: HEAD };
        svg.label(16.0, 26.0, title, &format!("font-size='16' font-weight='bold' fill='{DARK}'"));
        svg.label(16.0, 46.0, subtitle, &format!("fill='{GRAY}'"));
        svg
    }

    fn label(&mut self, x: f64, y: f64, text: &str, style: &str) {
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let _ = writeln!(self.body, "<text x='{x:.1}' y='{y:.1}' {style}>{text}</text>");
    }

    /// A name at the left, beside a line of the chart.
    pub(crate) fn name(&mut self, y: f64, text: &str) {
        let style = format!("text-anchor='end' fill='{DARK}'");
        self.label(LEFT - 10.0, y + 4.0, text, &style);
    }

    pub(crate) fn note(&mut self, x: f64, y: f64, text: &str) {
        self.label(x, y + 4.0, text, &format!("fill='{GRAY}' font-size='11'"));
    }

    pub(crate) fn bar(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), fill: &str) {
        let width = width.max(1.0);
        let _ = writeln!(
            self.body,
            "<rect x='{x:.1}' y='{y:.1}' width='{width:.1}' height='{height:.1}' {fill}/>"
        );
    }

    pub(crate) fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), color: &str) {
        let _ = writeln!(
            self.body,
            "<line x1='{x1:.1}' y1='{y1:.1}' x2='{x2:.1}' y2='{y2:.1}' stroke='{color}'/>"
        );
    }

    pub(crate) fn dot(&mut self, x: f64, y: f64, color: &str) {
        let _ = writeln!(
            self.body,
            "<circle cx='{x:.1}' cy='{y:.1}' r='5' fill='{color}' fill-opacity='0.85'/>"
        );
    }

    pub(crate) fn finish(self) -> String {
        let (height, body) = (self.y + 16.0, self.body);
        format!(
            "<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{height:.0}' \
             viewBox='0 0 {WIDTH} {height:.0}' font-family='sans-serif' font-size='12'>\n\
             <rect width='100%' height='100%' fill='white'/>\n{body}</svg>\n"
        )
    }
}
