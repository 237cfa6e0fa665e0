//! Going uphill in steps that become shorter.

/// A walk through the space of settings, one trial at a time.
pub(super) struct Walk {
    left: usize,
    known: Vec<(Vec<f32>, f64)>,
    start: Vec<f32>,
    /// Which steps are taken, and the place from where, with its quality, they are.
    stage: usize,
    from: Option<usize>,
    next_step: usize,
}

impl Walk {
    pub(super) fn new(start: Vec<f32>, trials: usize) -> Self {
        Self {
            left: trials.max(1),
            known: Vec::new(),
            start,
            stage: 0,
            from: None,
            next_step: 0,
        }
    }

    /// Where to try next: the start, then each neighbour of the best place, at the first of
    /// `steps` until none is better, then at the next. Nothing if all is done or tried.
    pub(super) fn next(&mut self, steps: &[&[f32]]) -> Option<Vec<f32>> {
        if self.left == 0 {
            return None;
        }
        if self.known.is_empty() {
            return Some(self.start.clone());
        }
        loop {
            let sizes = steps.get(self.stage)?;
            let from = *self.from.get_or_insert_with(|| best_of(&self.known));
            while self.next_step < 2 * sizes.len() {
                let (axis, up) = (self.next_step / 2, self.next_step.is_multiple_of(2));
                self.next_step += 1;
                if sizes[axis] == 0.0 {
                    continue;
                }
                // From the best place so far, so that a good step is followed at once.
                let mut at = self.known[best_of(&self.known)].0.clone();
                at[axis] += if up { sizes[axis] } else { -sizes[axis] };
                if self.known.iter().all(|(known, _)| *known != at) {
                    return Some(at);
                }
            }
            self.next_step = 0;
            if best_of(&self.known) == from {
                self.stage += 1;
            }
            self.from = None;
        }
    }

    pub(super) fn heard(&mut self, at: Vec<f32>, quality: f64) {
        self.left -= 1;
        self.known.push((at, quality));
    }

    /// The best place and its quality.
    pub(super) fn best(mut self) -> (Vec<f32>, f64) {
        self.known.swap_remove(best_of(&self.known))
    }
}

/// The best that is known; of equals the first.
fn best_of(known: &[(Vec<f32>, f64)]) -> usize {
    let mut best = 0;
    for (at, (_, quality)) in known.iter().enumerate() {
        if *quality > known[best].1 {
            best = at;
        }
    }
    best
}
