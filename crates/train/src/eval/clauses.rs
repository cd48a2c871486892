//! What a program or a caption asks of a clip, as clauses that detectors can answer.

use kinora_filmset::{
    program::Program,
    script::slots::{SLOTS, Slot, truth},
    stage::actor::moves,
};
use kinora_measure::evaluate::{self, Clause};

/// The clauses of a vector of slot values (`SLOTS.len()` long, 0 is "not said"). A kind of people
/// also asks for a "person" of any age and sex.
pub fn clauses(slots: &[u8]) -> Vec<Clause> {
    let value = |slot: usize| -> Option<&'static str> {
        let k = slots[slot] as usize;
        (k > 0).then(|| SLOTS[slot].values[k - 1])
    };
    let said: Vec<_> = (0..SLOTS.len())
        .filter_map(|slot| Some((SLOTS[slot].name, value(slot)?)))
        .collect();
    let mut asked = evaluate::clauses(&said);
    if let Some(kind) = value(Slot::Kind as usize) {
        asked.push(Clause::new("person", kind));
    }
    asked
}

/// Everything that `program` shows and detectors can answer, as if a caption had said it all.
pub fn shown(program: &Program) -> Vec<Clause> {
    let mut asked = clauses(&truth(program));
    let stops = program
        .subjects
        .first()
        .and_then(|s| s.event)
        .is_some_and(|e| !moves(e.action));
    if stops {
        asked.retain(|clause| clause.slot != "direction");
    }
    asked
}

#[cfg(test)]
mod tests {
    use super::*;
    use kinora_filmset::program as words;
    use kinora_measure::labels;

    /// The film set's names, in order.
    macro_rules! names {
        ($vocabulary:ident) => {
            words::$vocabulary::ALL
                .iter()
                .map(|v| v.name())
                .collect::<Vec<_>>()
        };
    }

    #[test]
    fn the_detectors_speak_the_film_sets_words() {
        assert_eq!(labels::SETTINGS, names!(Setting));
        assert_eq!(labels::TIMES, names!(TimeOfDay));
        assert_eq!(labels::WEATHERS, names!(Weather));
        assert_eq!(labels::KINDS, names!(SubjectKind));
        assert_eq!(labels::COLORS, names!(Color));
        assert_eq!(labels::CAMERA_MOVES, names!(CameraMove));
        assert_eq!(labels::DIRECTIONS, names!(Direction));
        let slots: Vec<_> = SLOTS.iter().map(|s| s.name).collect();
        assert!(evaluate::SLOTS.iter().all(|slot| slots.contains(slot)));
        let actions = names!(Action);
        assert_eq!(SLOTS[Slot::Action as usize].name, "action");
        assert_eq!(SLOTS[Slot::Direction as usize].name, "direction");
        assert!(
            evaluate::TRAVELS
                .iter()
                .all(|action| actions.contains(action))
        );
        assert!(
            words::SubjectKind::ALL[..labels::FIGURES]
                .iter()
                .all(|k| k.is_figure())
        );
    }

    #[test]
    fn a_standing_figure_is_asked_no_direction() {
        let mut slots = vec![0; SLOTS.len()];
        slots[Slot::Direction as usize] = 1;
        slots[Slot::Action as usize] = 1;
        slots[Slot::Lens as usize] = 1;
        assert!(clauses(&slots).is_empty());
        slots[Slot::Action as usize] = 2;
        assert_eq!(clauses(&slots), [Clause::new("direction", "to the left")]);
    }
}
