// Systems of a utility that are told what happens, and where people are written to.

import type * as api from "./api";

export type Webhook = api.WebhookView;
export type EventKind = api.EventKind;
export type WebhookTerms = api.WebhookTerms;
/** With the secret, which is shown once. */
export type NewWebhook = api.NewWebhook;
export type Delivery = api.DeliveryView;
export type DeliveryState = api.DeliveryState;
export type WebhookTest = api.TestView;
export type Replayed = api.Replayed;
export type Contact = api.ContactView;
export type ContactWish = api.ContactWish;
export type LetterKind = api.LetterKind;
