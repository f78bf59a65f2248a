//! Charts of lines as SVG: titled axes with units, light and dark, told apart without colour too.

use std::fmt::Write;

/// The size of a chart, in pixels.
pub(super) const WIDTH: f64 = 760.0;
pub(super) const HEIGHT: f64 = 380.0;
/// Room around the plot: left, right, top, bottom.
const ROOM: [f64; 4] = [72.0, 20.0, 44.0, 56.0];
/// About so many ticks on an axis.
const TICKS: f64 = 6.0;
/// Colours that differ for colour-blind eyes too (Okabe and Ito), on light and on dark ground.
const COLOURS: [(&str, &str); 5] = [
    ("#0072b2", "#56b4e9"),
    ("#d55e00", "#f0a04b"),
    ("#007a5a", "#2fd0a0"),
    ("#a8447f", "#e49ac6"),
    ("#6b5b00", "#f0e442"),
];
const DASHES: [&str; 5] = ["none", "8 4", "2 3", "10 3 2 3", "14 4"];

/// An axis: what it shows, and in which unit.
pub(super) struct Axis {
    pub(super) title: &'static str,
    pub(super) unit: &'static str,
}

/// A line, or marks where they stand alone.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
    pub(super) is_marks: bool,
}

/// A chart.
pub(super) struct Chart {
    pub(super) title: String,
    /// What it shows, for who does not see it.
    pub(super) description: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    /// Whether the vertical axis begins at zero.
    pub(super) from_zero: bool,
    pub(super) lines: Vec<Line>,
}

/// Where numbers lie on the page.
struct Scale {
    low: f64,
    high: f64,
    step: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// A scale with round ticks over the numbers.
    fn new(numbers: impl Iterator<Item = f64>, from_zero: bool, from: f64, to: f64) -> Scale {
        let (low, high) = numbers
            .filter(|number| number.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), n| (low.min(n), high.max(n)));
        let (low, high) = if low > high { (0.0, 1.0) } else { (low, high) };
        let low = if from_zero { low.min(0.0) } else { low };
        let wide = if high > low { high - low } else { low.abs().max(1.0) };
        let rough = wide / TICKS;
        let power = 10.0_f64.powf(rough.log10().floor());
        let round = [1.0, 2.0, 5.0, 10.0].into_iter().find(|n| n * power >= rough);
        let step = round.unwrap_or(10.0) * power;
        let low = (low / step).floor() * step;
        Scale { low, high: (high / step).ceil().max(low / step + 1.0) * step, step, from, to }
    }

    fn place(&self, number: f64) -> f64 {
        self.from + (self.to - self.from) * (number - self.low) / (self.high - self.low)
    }

    fn ticks(&self) -> Vec<f64> {
        let mut ticks = Vec::new();
        let mut n = 0.0;
        while self.low + n * self.step <= self.high + 0.001 * self.step {
            ticks.push(self.low + n * self.step);
            n += 1.0;
        }
        ticks
    }

    fn label(&self, tick: f64) -> String {
        let tick = if tick.abs() < 1e-9 * self.step { 0.0 } else { tick };
        if self.step >= 1.0 {
            format!("{tick:.0}")
        } else if self.step >= 0.1 {
            format!("{tick:.1}")
        } else {
            format!("{tick:.3}")
        }
    }
}

/// Text as markup has it.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The rules of colour for all charts of a page.
pub(super) fn style() -> String {
    let classes = |is_dark: bool| {
        let colour = |(place, pair): (usize, &(&str, &str))| {
            format!(".c{place}{{--c:{}}}", if is_dark { pair.1 } else { pair.0 })
        };
        COLOURS.iter().enumerate().map(colour).collect::<String>()
    };
    format!(
        "svg.chart{{--ground:#fff;--ink:#1b1b1b;--faint:#ddd;font:13px system-ui,sans-serif}}{}\
         @media (prefers-color-scheme: dark){{\
         svg.chart{{--ground:#14171a;--ink:#ececec;--faint:#3a3f44}}{}}}\
         .ground{{fill:var(--ground)}}text{{fill:var(--ink)}}.grid{{stroke:var(--faint)}}\
         .axis{{stroke:var(--ink);fill:none}}.head{{font-size:15px;font-weight:600}}\
         .line{{fill:none;stroke:var(--c);stroke-width:2;stroke-linejoin:round}}\
         .mark{{fill:var(--c);stroke:var(--ground)}}",
        classes(false),
        classes(true)
    )
}

impl Chart {
    /// The chart as one `svg` element with `id` in its ids, at a height of its page.
    pub(super) fn svg(&self, id: usize, top: f64) -> String {
        let [left, right, above, below] = ROOM;
        let points = || self.lines.iter().flat_map(|line| line.points.iter());
        let x = Scale::new(points().map(|point| point.0), false, left, WIDTH - right);
        let y = Scale::new(points().map(|p| p.1), self.from_zero, HEIGHT - below, above);
        let mut svg = format!(
            "<svg class=\"chart\" xmlns=\"http://www.w3.org/2000/svg\" y=\"{top}\" \
             width=\"{WIDTH}\" height=\"{HEIGHT}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
             aria-labelledby=\"t{id} d{id}\">\n\
             <title id=\"t{id}\">{}</title>\n<desc id=\"d{id}\">{}</desc>\n\
             <rect class=\"ground\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n\
             <text class=\"head\" x=\"{left}\" y=\"22\">{}</text>\n",
            escaped(&self.title),
            escaped(&self.description),
            escaped(&self.title)
        );
        self.axes(&mut svg, &x, &y);
        for (place, line) in self.lines.iter().enumerate() {
            draw(&mut svg, line, place, &x, &y);
        }
        self.legend(&mut svg);
        svg + "</svg>\n"
    }

    fn axes(&self, svg: &mut String, x: &Scale, y: &Scale) {
        for tick in x.ticks() {
            let (at, low) = (x.place(tick), y.from);
            let _ = writeln!(
                svg,
                "<path class=\"grid\" d=\"M{at:.1} {low}V{}\"/>\
                 <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                y.to,
                low + 18.0,
                x.label(tick)
            );
        }
        for tick in y.ticks() {
            let (at, left) = (y.place(tick), x.from);
            let _ = writeln!(
                svg,
                "<path class=\"grid\" d=\"M{left} {at:.1}H{}\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                x.to,
                left - 8.0,
                at + 4.0,
                y.label(tick)
            );
        }
        let (middle, centre) = (0.5 * (x.from + x.to), 0.5 * (y.from + y.to));
        let _ = writeln!(
            svg,
            "<path class=\"axis\" d=\"M{} {}V{}H{}\"/>\
             <text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}, {}</text>\
             <text transform=\"translate(18 {centre}) rotate(-90)\" text-anchor=\"middle\">\
             {}, {}</text>",
            x.from,
            y.to,
            y.from,
            x.to,
            HEIGHT - 12.0,
            escaped(self.x.title),
            escaped(self.x.unit),
            escaped(self.y.title),
            escaped(self.y.unit)
        );
    }

    fn legend(&self, svg: &mut String) {
        let mut at = ROOM[0];
        for (place, line) in self.lines.iter().enumerate() {
            let (colour, dash) = (place % COLOURS.len(), DASHES[place % DASHES.len()]);
            let _ = if line.is_marks {
                let middle = at + 12.0;
                writeln!(
                    svg,
                    "<circle class=\"mark c{colour}\" cx=\"{middle}\" cy=\"34\" r=\"4\"/>"
                )
            } else {
                writeln!(
                    svg,
                    "<path class=\"line c{colour}\" stroke-dasharray=\"{dash}\" d=\"M{at} 34h24\"/>"
                )
            };
            let name = escaped(&line.name);
            let _ = writeln!(svg, "<text x=\"{}\" y=\"38\">{name}</text>", at + 30.0);
            let letters = u32::try_from(line.name.chars().count()).unwrap_or(0);
            at += 48.0 + 7.2 * f64::from(letters);
        }
    }
}

fn draw(svg: &mut String, line: &Line, place: usize, x: &Scale, y: &Scale) {
    let (colour, dash) = (place % COLOURS.len(), DASHES[place % DASHES.len()]);
    let shown = line.points.iter().filter(|point| point.0.is_finite() && point.1.is_finite());
    let places = shown.map(|point| (x.place(point.0), y.place(point.1)));
    if line.is_marks {
        for (at, high) in places {
            let _ = writeln!(
                svg,
                "<circle class=\"mark c{colour}\" cx=\"{at:.1}\" cy=\"{high:.1}\" r=\"4\"/>"
            );
        }
        return;
    }
    let _ = write!(svg, "<path class=\"line c{colour}\" stroke-dasharray=\"{dash}\" d=\"");
    for (n, (at, high)) in places.enumerate() {
        let _ = write!(svg, "{}{at:.1} {high:.1}", if n == 0 { "M" } else { "L" });
    }
    let _ = writeln!(svg, "\"/>");
}
