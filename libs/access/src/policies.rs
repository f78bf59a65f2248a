//! The policies, parsed once, and how a question is put to them.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;
use std::sync::LazyLock;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid,
    PolicySet, Request, RestrictedExpression, Schema,
};
use ids::{AccountId, CommunityId};

use crate::{Action, Subject, Thing};

/// The policies and what a question consists of.
struct Book {
    policies: PolicySet,
    schema: Schema,
    party: EntityTypeName,
    role: EntityTypeName,
    thing: EntityTypeName,
    action: EntityTypeName,
}

static BOOK: LazyLock<Book> = LazyLock::new(|| {
    let kind = |name| EntityTypeName::from_str(name).expect("a constant name");
    Book {
        policies: include_str!("access.cedar").parse().expect("access.cedar is part of the code"),
        schema: include_str!("access.cedarschema").parse().expect("so is access.cedarschema"),
        party: kind("Party"),
        role: kind("Role"),
        thing: kind("Thing"),
        action: kind("Action"),
    }
});

/// Whether `subject` may do `action` to `thing`.
pub fn permit(subject: Subject<'_>, action: Action, thing: Thing) -> bool {
    BOOK.ask(subject, action, thing).is_some_and(|decision| decision == Decision::Allow)
}

impl Book {
    /// The decision; `None` when the question cannot be put, which is a denial.
    fn ask(&self, subject: Subject<'_>, action: Action, thing: Thing) -> Option<Decision> {
        let uid = |kind: &EntityTypeName, id: &str| {
            EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
        };
        let roles = subject.roles.iter().map(|role| uid(&self.role, role.name()));
        let roles: HashSet<EntityUid> = roles.collect();
        let (principal, resource) = (uid(&self.party, "asking"), uid(&self.thing, "asked"));
        let action = uid(&self.action, action.name());
        let groups = roles.iter().map(|role| Entity::with_uid(role.clone()));
        let groups: Vec<Entity> = groups.collect();
        let party = attributes("account", subject.account, subject.community);
        let party = Entity::new(principal.clone(), party, roles).ok()?;
        let asked = attributes("owner", thing.owner, thing.community);
        let asked = Entity::new(resource.clone(), asked, HashSet::new()).ok()?;
        let entities = groups.into_iter().chain([party, asked]);
        let entities = Entities::from_entities(entities, Some(&self.schema)).ok()?;
        let request =
            Request::new(principal, action, resource, Context::empty(), Some(&self.schema)).ok()?;
        Some(Authorizer::new().is_authorized(&request, &self.policies, &entities).decision())
    }
}

fn attributes(
    name: &str,
    account: Option<AccountId>,
    community: CommunityId,
) -> HashMap<String, RestrictedExpression> {
    let text = |value: String| RestrictedExpression::new_string(value);
    let mut attributes = HashMap::from([("community".to_owned(), text(community.to_string()))]);
    if let Some(account) = account {
        attributes.insert(name.to_owned(), text(account.to_string()));
    }
    attributes
}

#[cfg(test)]
mod tests {
    use cedar_policy::{ValidationMode, Validator};

    use super::*;
    use crate::Role;

    fn community(name: &str) -> CommunityId {
        CommunityId::derived(name)
    }

    fn account(name: &str) -> AccountId {
        AccountId::derived(name)
    }

    /// Which roles may do each action to a thing of their own account, and to another's. Roles by
    /// their first letter: c onsumer, p rosumer, o perator, u tility, a uditor, d evice, m (admin).
    const TABLE: &str = "
        read_market               | cpouam | cpouam
        read_account              | cpouam | ouam
        read_parties              | ouam   | ouam
        read_quarantine           | oam    | oam
        read_relay                | oam    | oam
        read_audit_log            | am     | am
        place_buy_order           | cp     |
        place_sell_order          | p      |
        cancel_order              | cpo    | o
        sign_order                | cp     |
        withdraw_cash             | cp     |
        transfer_cash             | cp     |
        grant_mandate             | cp     |
        file_challenge            | cpouam | cpouam
        transfer_certificate      | cp     |
        retire_certificate        | cp     |
        change_address            | cp     |
        certify_source            | om     | om
        credit_deposit            | ou     | ou
        order_payouts             | ou     | ou
        set_exchange_rates        | ou     | ou
        publish_tariff            | ou     | ou
        issue_invoice             | ou     | ou
        dispute_invoice           | cpou   | ou
        settle_dispute            | ou     | ou
        agree_prepaid             | cp     |
        manage_prepaid            | ou     | ou
        manage_webhooks           | oum    | oum
        set_contact               | cp     |
        halt_market               | om     | om
        set_risk_limits           | om     | om
        read_surveillance         | oam    | oam
        decide_case               | om     | om
        manage_parties            | m      | m
        register_connection_point | om     | om
        enrol_meter               | om     | om
        provision_meter           | cpom   | om
        describe_meter            | om     | om
        erase_readings            | m      | m
        upload_meter_file         | ou     | ou
        revoke_meter              | om     | om
        send_reading              | d      |
    ";

    fn letter(role: Role) -> char {
        match role {
            Role::Admin => 'm',
            other => other.name().chars().next().unwrap(),
        }
    }

    fn row(action: Action) -> Vec<&'static str> {
        let mut rows = TABLE.lines().map(|line| line.split('|').map(str::trim).collect());
        rows.find(|row: &Vec<&str>| row[0] == action.name()).unwrap()
    }

    fn check(roles: &[Role], account: Option<AccountId>, action: Action, thing: Thing, may: bool) {
        let subject = Subject { account, community: community("here"), roles };
        assert_eq!(permit(subject, action, thing), may, "{roles:?} {action:?} {thing:?}");
    }

    #[test]
    fn each_role_may_do_what_the_table_says_and_nothing_else() {
        let mine = Some(account("mine"));
        for action in Action::ALL.iter().copied() {
            let row = row(action);
            for role in Role::ALL {
                let [own, others] = [row[1], row[2]].map(|roles| roles.contains(letter(role)));
                let here = community("here");
                check(&[role], mine, action, Thing::of_account(account("mine"), here), own);
                check(&[role], mine, action, Thing::of_account(account("yours"), here), others);
                check(&[role], mine, action, Thing::of_community(here), others);
                check(&[role], None, action, Thing::of_account(account("mine"), here), others);
            }
        }
    }

    #[test]
    fn nobody_reaches_into_another_community() {
        for action in Action::ALL.iter().copied() {
            for owner in [None, Some(account("mine")), Some(account("yours"))] {
                let thing = Thing { owner, community: community("there") };
                check(&Role::ALL, Some(account("mine")), action, thing, false);
            }
        }
    }

    #[test]
    fn roles_add_up_and_none_is_nothing() {
        let thing = Thing::of_community(community("here"));
        let both = [Role::Auditor, Role::Operator];
        check(&both, None, Action::ReadAuditLog, thing, true);
        check(&both, None, Action::EnrolMeter, thing, true);
        for action in Action::ALL.iter().copied() {
            let own = Thing::of_account(account("mine"), community("here"));
            check(&[], Some(account("mine")), action, own, false);
        }
    }

    #[test]
    fn the_policies_fit_their_schema() {
        let result =
            Validator::new(BOOK.schema.clone()).validate(&BOOK.policies, ValidationMode::Strict);
        assert!(result.validation_passed_without_warnings(), "{result}");
        assert_eq!(BOOK.schema.actions().count(), Action::ALL.len());
    }
}
