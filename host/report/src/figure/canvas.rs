//! The canvas: what pictures are drawn with, on plotters' SVG backend.
//!
//! Colours are fixed here and stand in the drawing as attributes; where a page is dark, its style
//! sheet puts others in their place (`COLORS`).

use std::fmt::Write;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// How wide every picture is, in pixels.
pub const WIDTH: f64 = 720.0;

/// The size of letters.
pub const LETTERS: f64 = 13.0;

/// A colour in the drawing, and what stands for it on dark ground.
pub struct Paint {
    /// On light ground.
    pub light: &'static str,
    /// On dark ground.
    pub dark: &'static str,
    rgb: RGBColor,
}

const fn paint(light: &'static str, dark: &'static str, rgb: (u8, u8, u8)) -> Paint {
    Paint {
        light,
        dark,
        rgb: RGBColor(rgb.0, rgb.1, rgb.2),
    }
}

/// Letters and axes.
pub const INK: usize = 0;
/// What is there to compare with.
pub const MUTED: usize = 1;
/// Lines of the grid.
pub const GRID: usize = 2;
/// The first of the colours that tell things apart.
pub const FIRST: usize = 3;

/// All colours: ink, then those of Okabe and Ito (2008) that can be read on white, made lighter for
/// dark ground.
pub const COLORS: [Paint; 9] = [
    paint("#1F2328", "#E6E8EB", (0x1F, 0x23, 0x28)),
    paint("#6B7280", "#9AA3AF", (0x6B, 0x72, 0x80)),
    paint("#E2E5E9", "#343A42", (0xE2, 0xE5, 0xE9)),
    paint("#D55E00", "#F08A3C", (0xD5, 0x5E, 0x00)),
    paint("#0072B2", "#56B4E9", (0x00, 0x72, 0xB2)),
    paint("#009E73", "#2FC89B", (0x00, 0x9E, 0x73)),
    paint("#CC79A7", "#E3A0C6", (0xCC, 0x79, 0xA7)),
    paint("#E69F00", "#F2B73A", (0xE6, 0x9F, 0x00)),
    paint("#000000", "#FFFFFF", (0x00, 0x00, 0x00)),
];

/// How a text is placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// It starts there.
    Start,
    /// Its middle is there.
    Middle,
    /// It ends there.
    End,
}

/// A picture being drawn. What the backend refuses (it writes to a string, and refuses nothing) is
/// left out of the drawing.
pub struct Canvas<'s> {
    area: DrawingArea<SVGBackend<'s>, Shift>,
}

/// A finished drawing.
pub struct Drawing {
    height: f64,
    body: String,
}

/// Draws a picture of this height.
pub fn draw(height: f64, picture: impl FnOnce(&Canvas)) -> Drawing {
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, (WIDTH as u32, height as u32)).into_drawing_area();
    let canvas = Canvas { area };
    picture(&canvas);
    let _ = canvas.area.present();
    drop(canvas);
    // The backend's own root element goes; what it draws says the same in fewer letters.
    let body = svg.find('>').map_or("", |end| &svg[end + 1..]);
    let body = body.trim().trim_end_matches("</svg>");
    let body = body
        .replace(" opacity=\"1\"", "")
        .replace(" stroke-width=\"1\"", "")
        .replace(" font-family=\"sans-serif\"", "")
        .replace("\">\n", "\">")
        .replace("\n</text>", "</text>");
    Drawing { height, body }
}

impl Canvas<'_> {
    fn style(color: usize, opacity: f64) -> RGBAColor {
        COLORS[color].rgb.mix(opacity)
    }

    /// A text whose middle is at this height.
    pub fn text(&self, at: (f64, f64), text: &str, anchor: Anchor, color: usize) {
        self.styled(at, text, anchor, color, font(LETTERS));
    }

    /// The same in smaller letters.
    pub fn small(&self, at: (f64, f64), text: &str, anchor: Anchor, color: usize) {
        self.styled(at, text, anchor, color, font(LETTERS - 1.0));
    }

    /// The same in bold.
    pub fn bold(&self, at: (f64, f64), text: &str, anchor: Anchor, color: usize) {
        self.styled(
            at,
            text,
            anchor,
            color,
            font(LETTERS).style(FontStyle::Bold),
        );
    }

    fn styled(&self, at: (f64, f64), text: &str, anchor: Anchor, color: usize, font: FontDesc) {
        let horizontal = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let style = TextStyle::from(font)
            .color(&COLORS[color].rgb)
            .pos(Pos::new(horizontal, VPos::Center));
        let text = Text::new(text.to_string(), pixel(at), style);
        let _ = self.area.draw(&text);
    }

    /// A line through these points.
    pub fn line(&self, points: &[(f64, f64)], color: usize, width: u32, opacity: f64) {
        let style = Self::style(color, opacity).stroke_width(width);
        let points: Vec<(i32, i32)> = points.iter().copied().map(pixel).collect();
        let _ = self.area.draw(&PathElement::new(points, style));
    }

    /// A filled circle.
    pub fn dot(&self, at: (f64, f64), radius: u32, color: usize, opacity: f64) {
        let style = Self::style(color, opacity).filled();
        let _ = self.area.draw(&Circle::new(pixel(at), radius, style));
    }

    /// A circle that isn't filled.
    pub fn ring(&self, at: (f64, f64), radius: u32, color: usize) {
        let style = Self::style(color, 1.0).stroke_width(2);
        let _ = self.area.draw(&Circle::new(pixel(at), radius, style));
    }

    /// A diamond, filled or not.
    pub fn diamond(&self, at: (f64, f64), radius: f64, color: usize, filled: bool) {
        let (x, y) = at;
        let corners = [
            (x - radius, y),
            (x, y - radius),
            (x + radius, y),
            (x, y + radius),
        ];
        if filled {
            let style = Self::style(color, 1.0).filled();
            let _ = self.area.draw(&Polygon::new(corners.map(pixel), style));
        } else {
            let closed: Vec<(f64, f64)> = corners.iter().chain(corners.first()).copied().collect();
            self.line(&closed, color, 2, 1.0);
        }
    }

    /// A filled rectangle between two corners.
    pub fn band(&self, from: (f64, f64), to: (f64, f64), color: usize, opacity: f64) {
        let style = Self::style(color, opacity).filled();
        let corners = [pixel(from), pixel(to)];
        let _ = self.area.draw(&Rectangle::new(corners, style));
    }
}

/// plotters' sizes are about 1.24 times as large as the letters.
fn font(size: f64) -> FontDesc<'static> {
    ("sans-serif", size * 1.24).into_font()
}

fn pixel((x, y): (f64, f64)) -> (i32, i32) {
    (x.round() as i32, y.round() as i32)
}

impl Drawing {
    /// As an SVG element, with this text for those who can't see it.
    pub fn element(&self, alt: &str) -> String {
        let (alt, height, body) = (escaped(alt), self.height, &self.body);
        format!(
            "<svg role=\"img\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
             font-family=\"system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif\" aria-label=\"{alt}\">\
             <title>{alt}</title>\n{}\n</svg>",
            body.trim()
        )
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Style rules that put the dark colours in the light ones' place.
pub fn dark_rules() -> String {
    let mut rules = String::new();
    for Paint { light, dark, .. } in &COLORS {
        for property in ["fill", "stroke"] {
            // Writing to a string can't fail.
            let _ = write!(rules, "svg [{property}=\"{light}\"]{{{property}:{dark}}}");
        }
    }
    rules
}

/// A drawing as a file: with a ground of its own, for a reader's light or dark.
pub fn standalone(element: &str) -> String {
    let style = format!(
        "<style>.ground{{fill:#fff}}@media (prefers-color-scheme:dark){{.ground{{fill:#14171b}}{}}}</style>",
        dark_rules()
    );
    let ground = "<rect class=\"ground\" width=\"100%\" height=\"100%\" fill=\"#FFFFFF\"/>";
    element
        .replacen("<svg ", "<svg xmlns=\"http://www.w3.org/2000/svg\" ", 1)
        .replacen("</title>", &format!("</title>\n{style}\n{ground}"), 1)
        + "\n"
}

/// About how wide a text is.
pub fn text_width(text: &str, size: f64) -> f64 {
    0.56 * size * text.chars().count() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn light_names_are_the_colours_that_are_drawn() {
        for color in &COLORS {
            let RGBColor(red, green, blue) = color.rgb;
            assert_eq!(color.light, format!("#{red:02X}{green:02X}{blue:02X}"));
        }
    }
}
