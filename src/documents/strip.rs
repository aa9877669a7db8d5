//! Heat strips and bands: time from left to right, one cell a stretch, drawn as plain rectangles.
//!
//! Every state has a form of its own, so that a strip reads in black and white: working is a calm
//! full cell, slow its lower half, comes and goes two thin bars, down a solid cell, not known two
//! lines with nothing between, maintenance a middle band. No colours here: classes name them.

use super::states::State;

/// Height of a strip in its own units.
const HEIGHT: f32 = 24.0;
/// Share of a cell that is drawn; the rest is the gap to the next one.
const DRAWN: f32 = 0.86;

/// Cells of equal length; a cell that lies before anything was known is none.
#[derive(Clone, Debug)]
pub struct Strip {
    /// What it shows, in a sentence, for those who listen.
    pub label: String,
    pub cells: Vec<Option<State>>,
}

/// One rectangle.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    pub class: &'static str,
    pub x: f32,
    pub y: f32,
    pub width: f32,
    pub height: f32,
}

impl Strip {
    /// Width in its own units: one a cell.
    #[must_use]
    pub fn width(&self) -> usize {
        self.cells.len().max(1)
    }

    /// The rectangles, left to right.
    #[must_use]
    pub fn bars(&self) -> Vec<Bar> {
        let cells = self.cells.iter().enumerate();
        cells.filter_map(|(at, cell)| cell.map(|state| (at, state))).flat_map(cell_bars).collect()
    }
}

#[allow(clippy::cast_precision_loss, reason = "a strip has hundreds of cells, not millions")]
fn cell_bars((at, state): (usize, State)) -> Vec<Bar> {
    let bar = |x: f32, y: f32, width: f32, height: f32| Bar {
        class: state.class(),
        x: at as f32 + x,
        y,
        width,
        height,
    };
    let ground = |class| Bar { class, ..bar(0.0, 0.0, DRAWN, HEIGHT) };
    match state {
        State::Working | State::Down => vec![bar(0.0, 0.0, DRAWN, HEIGHT)],
        State::Slow => vec![ground("ground"), bar(0.0, HEIGHT / 2.0, DRAWN, HEIGHT / 2.0)],
        State::ComesAndGoes => vec![
            ground("ground"),
            bar(0.0, 0.0, DRAWN * 0.3, HEIGHT),
            bar(DRAWN * 0.6, 0.0, DRAWN * 0.3, HEIGHT),
        ],
        State::NotKnown => vec![
            bar(0.0, 0.0, DRAWN, HEIGHT / 12.0),
            bar(0.0, HEIGHT * 11.0 / 12.0, DRAWN, HEIGHT / 12.0),
        ],
        State::Maintenance => {
            vec![ground("ground"), bar(0.0, HEIGHT / 3.0, DRAWN, HEIGHT / 3.0)]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_a_form_of_its_own() {
        let form = |state| {
            let strip = Strip { label: String::new(), cells: vec![Some(state)] };
            strip.bars().iter().map(|bar| (bar.x, bar.y, bar.width, bar.height)).collect::<Vec<_>>()
        };
        for (at, one) in State::ALL.into_iter().enumerate() {
            for other in &State::ALL[at + 1..] {
                // Working and down are the two full cells; the one is pale, the other dark.
                if (one, *other) != (State::Working, State::Down) {
                    assert_ne!(form(one), form(*other), "{one:?} and {other:?}");
                }
            }
        }
    }

    #[test]
    fn nothing_is_drawn_where_nothing_was() {
        let strip = Strip { label: String::new(), cells: vec![None, Some(State::Down), None] };
        assert_eq!(strip.width(), 3);
        assert_eq!(strip.bars().len(), 1);
        assert!((strip.bars()[0].x - 1.0).abs() < f32::EPSILON);
    }
}
