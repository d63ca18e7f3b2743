//! Commands about tokens.

use std::sync::Arc;

use jiff::Timestamp;

use crate::action::Action;
use crate::change::Change;
use crate::command::{CommandError, MOST_TOKENS, Plan, Planner};
use crate::id::TokenId;
use crate::token::{IssuedToken, TokenKind};

impl Planner<'_> {
    /// Writes a token down; of too many that are alike, the oldest end.
    pub(super) fn issue_token(&self, id: &TokenId, token: &IssuedToken) -> Result<Plan, CommandError> {
        self.in_future("expires", token.expires)?;
        let action = match token.kind {
            TokenKind::Login => Action::Login,
            TokenKind::Service => Action::TokenIssue,
        };
        let mut plan = self.single(action, "", Change::TokenIssued { id: id.clone(), token: Arc::new(token.clone()) });
        let mut alike: Vec<(Timestamp, &TokenId, Timestamp)> = self
            .state
            .tokens
            .iter()
            .filter(|(known, other)| *known != id && other.is_like(token) && other.expires > self.now)
            .map(|(known, other)| (other.issued, known, other.expires))
            .collect();
        alike.sort_unstable();
        let surplus = (alike.len() + 1).saturating_sub(MOST_TOKENS);
        for (_, oldest, expires) in alike.into_iter().take(surplus) {
            let change = Change::TokenRevoked { id: oldest.clone(), expires };
            plan.records.push(self.record(Action::TokenRevoke, "too many tokens of one holder", change));
        }
        Ok(plan)
    }

    pub(super) fn end_token(&self, action: Action, id: &TokenId, expires: Timestamp) -> Plan {
        let refused_until = self.state.revoked_tokens.get(id);
        if expires <= self.now || refused_until.is_some_and(|until| expires <= *until) {
            return Plan::default();
        }
        self.single(action, "", Change::TokenRevoked { id: id.clone(), expires })
    }
}
