//! The viewer of a request, who may sign out while it is executed.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::domain::auth::Viewer;

/// On whose behalf a request is executed: a viewer, and nobody once they have signed out.
#[derive(Debug)]
pub struct RequestViewer {
    viewer: Viewer,
    signed_out: AtomicBool,
}

impl RequestViewer {
    /// A viewer who has not signed out.
    pub fn new(viewer: Viewer) -> Self {
        Self {
            viewer,
            signed_out: AtomicBool::new(false),
        }
    }

    /// The viewer at this moment.
    pub fn current(&self) -> &Viewer {
        match self.signed_out.load(Ordering::Acquire) {
            true => &Viewer::Nobody,
            false => &self.viewer,
        }
    }

    /// From now on the viewer is nobody.
    pub fn sign_out(&self) {
        self.signed_out.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_signed_out_is_nobody() {
        let viewer = RequestViewer::new(Viewer::Command);
        assert_eq!(viewer.current(), &Viewer::Command);
        viewer.sign_out();
        assert_eq!(viewer.current(), &Viewer::Nobody);
    }
}
