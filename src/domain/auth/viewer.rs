//! On whose behalf something is asked.

use crate::foundation::id::{ApiKey, Session, User};
use crate::foundation::{Error, Id, Result, text_enum};

/// Who asks. Every service takes one and decides by it; nothing else decides who may do what.
#[derive(Clone, Debug, PartialEq)]
pub enum Viewer {
    /// Nobody is signed in.
    Nobody,
    /// A user with a session.
    User {
        /// Who.
        id: Id<User>,
        /// What they may do.
        role: Role,
        /// The session that the access token belongs to.
        session: Id<Session>,
    },
    /// An app with a key.
    App {
        /// Which key.
        key: Id<ApiKey>,
        /// What it may do.
        scopes: Vec<Scope>,
    },
    /// Somebody at the shell of the server, who may do everything.
    Command,
}

text_enum! {
    /// Role of a user. Each role includes the permissions of those before it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Role {
        /// May read the public catalogue, and read and change their own data.
        User = "USER",
        /// May also use generators that are not open to all users, and read channels and their schedules.
        Curator = "CURATOR",
        /// May read and change all data.
        Admin = "ADMIN",
    }
}

text_enum! {
    /// Permission of an API key. Permissions apply to all users.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Scope {
        /// Create, change and delete content items and people, read private items without a creator, and
        /// generate content.
        CatalogueWrite = "CATALOGUE_WRITE",
        /// Read users and their interactions.
        UsersRead = "USERS_READ",
        /// Create, change, merge and erase users.
        UsersWrite = "USERS_WRITE",
        /// Record and delete interactions of users, and record feedback on recommendations.
        InteractionsWrite = "INTERACTIONS_WRITE",
        /// Read and recompute the recommendations of users, and read popular searches.
        RecommendationsRead = "RECOMMENDATIONS_READ",
    }
}

impl Viewer {
    /// The user who is signed in.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for nobody, [`Error::Forbidden`] for an app or a command.
    pub fn signed_in(&self) -> Result<Id<User>> {
        match self {
            Self::User { id, .. } => Ok(*id),
            Self::Nobody => Err(Error::signed_out()),
            Self::App { .. } | Self::Command => Err(Error::Forbidden(
                "this is for a signed-in user; an app names the user it acts for".to_owned(),
            )),
        }
    }

    /// Lets only admins and commands pass.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for nobody, [`Error::Forbidden`] for everybody else.
    pub fn admin(&self) -> Result<()> {
        self.role_or(Role::Admin, None)
    }

    /// Lets only curators, admins and commands pass.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for nobody, [`Error::Forbidden`] for everybody else.
    pub fn curator(&self) -> Result<()> {
        self.role_or(Role::Curator, None)
    }

    /// Lets admins, commands and apps with `scope` pass.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for nobody, [`Error::Forbidden`] for everybody else.
    pub fn admin_or(&self, scope: Scope) -> Result<()> {
        self.role_or(Role::Admin, Some(scope))
    }

    /// Lets curators, admins, commands and apps with `scope` pass.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for nobody, [`Error::Forbidden`] for everybody else.
    pub fn curator_or(&self, scope: Scope) -> Result<()> {
        self.role_or(Role::Curator, Some(scope))
    }

    /// Lets `user` themselves, admins, commands and apps with `scope` pass.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for nobody, [`Error::Forbidden`] for everybody else.
    pub fn may_act_for(&self, user: Id<User>, scope: Scope) -> Result<()> {
        match self {
            Self::User { id, .. } if *id == user => Ok(()),
            _ => self.admin_or(scope),
        }
    }

    /// Whether this viewer is an admin or a command.
    pub fn is_admin(&self) -> bool {
        self.admin().is_ok()
    }

    /// The user behind this viewer, if there is one.
    pub fn user(&self) -> Option<Id<User>> {
        match self {
            Self::User { id, .. } => Some(*id),
            _ => None,
        }
    }

    /// How the audit log names this viewer.
    pub fn name(&self) -> String {
        match self {
            Self::Nobody => "nobody".to_owned(),
            Self::User { id, .. } => id.to_string(),
            Self::App { key, .. } => key.to_string(),
            Self::Command => "command".to_owned(),
        }
    }

    fn role_or(&self, least: Role, scope: Option<Scope>) -> Result<()> {
        let needs = |what: &str| Err(Error::Forbidden(format!("this needs {what}")));
        match (self, scope) {
            (Self::Command, _) => Ok(()),
            (Self::Nobody, _) => Err(Error::signed_out()),
            (Self::User { role, .. }, _) if *role >= least => Ok(()),
            (Self::User { .. }, _) => needs(&format!("the role {}", least.as_str())),
            (Self::App { scopes, .. }, Some(scope)) if scopes.contains(&scope) => Ok(()),
            (Self::App { .. }, Some(scope)) => {
                needs(&format!("a key with the scope {}", scope.as_str()))
            }
            (Self::App { .. }, None) => needs("a signed-in user"),
        }
    }
}
