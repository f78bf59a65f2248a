import { useEffect, useState } from "react";
import * as api from "../../api";
import { Filter, Form, TextField } from "../../fields";
import { count, utc } from "../../format";
import { useLoad } from "../../live";
import type { DeliveryState, EventKind, NewWebhook, Webhook } from "../../types";
import { Card, Copyable, Facts, Load, Notice, Pager, Standing, Table, focusCard } from "../../ui";
import { DELIVERY_STATES, EVENT_KINDS, standingOf } from "../../webhook";
import { Outcome, useWork } from "../../work";

/** Systems of the utility that are told what happens. */
export function Webhooks() {
  const webhooks = useLoad("webhooks", api.webhooks);
  const [chosen, setChosen] = useState<string>();
  const [made, setMade] = useState<NewWebhook>();
  return (
    <>
      <Card title="Webhooks" id="webhooks">
        <p className="hint">
          Each system is told of what it wants with an HTTP request, signed as Standard Webhooks has it. What it does
          not take is sent again for about a day, in order.
        </p>
        <Load of={webhooks}>
          {(page) => (
            <Table
              caption="Systems that are told what happens"
              rows={page.items}
              rowKey={(one) => one.id}
              rowClass={(one) => (one.id === chosen ? "own" : undefined)}
              empty="No system is told yet. Add one below."
              columns={[
                { head: "Where", cell: (one) => <code className="wrap">{one.url}</code> },
                { head: "What it is", cell: (one) => one.description || "–" },
                { head: "State", cell: (one) => <Standing of={standingOf(one)} reason={one.reason} /> },
                { head: "Waiting", numeric: true, cell: (one) => count(one.waiting) },
                { head: "Failed", numeric: true, cell: (one) => count(one.failed) },
                {
                  head: "Actions",
                  hideHead: true,
                  cell: (one) => (
                    <button type="button" className="small" onClick={() => setChosen(one.id)}>
                      Look at it<span className="sr-only">: {one.url}</span>
                    </button>
                  ),
                },
              ]}
            />
          )}
        </Load>
      </Card>
      {made && <Secret of={made} onClose={() => setMade(undefined)} />}
      {webhooks.data?.items
        .filter((one) => one.id === chosen)
        .map((one) => (
          <One
            key={one.id}
            webhook={one}
            onChange={webhooks.reload}
            onSecret={setMade}
            onClose={() => {
              setChosen(undefined);
              focusCard("webhooks");
            }}
          />
        ))}
      <Add
        onMade={(now) => {
          setMade(now);
          webhooks.reload();
        }}
      />
    </>
  );
}

/** What signs messages: shown once, to be put where the receiver keeps its secrets. */
function Secret({ of, onClose }: { of: NewWebhook; onClose: () => void }) {
  useEffect(() => focusCard("webhook-secret"), [of]);
  return (
    <Card
      title="Its secret"
      id="webhook-secret"
      aside={
        <button type="button" className="quiet small" onClick={onClose}>
          I have kept it
        </button>
      }
    >
      <Notice tone="warn">Copy it now: it is not shown again. Whoever has it can sign messages as we do.</Notice>
      <Facts
        items={[
          ["For", <code key="u">{of.webhook.url}</code>],
          ["Secret", <Copyable key="s" value={of.secret} name="the secret"><code>{of.secret}</code></Copyable>],
        ]}
      />
    </Card>
  );
}

function Kinds(props: { chosen: EventKind[]; onChange: (kinds: EventKind[]) => void }) {
  const { chosen, onChange } = props;
  return (
    <fieldset className="choices">
      <legend>What it is told of</legend>
      {Object.entries(EVENT_KINDS).map(([name, text]) => {
        const kind = name as EventKind;
        const on = chosen.includes(kind);
        return (
          <label key={kind}>
            <input
              type="checkbox"
              checked={on}
              onChange={() => onChange(on ? chosen.filter((one) => one !== kind) : [...chosen, kind])}
            />
            <span>
              {text} <code>{kind}</code>
            </span>
          </label>
        );
      })}
    </fieldset>
  );
}

function Add({ onMade }: { onMade: (made: NewWebhook) => void }) {
  const [url, setUrl] = useState("");
  const [description, setDescription] = useState("");
  const [kinds, setKinds] = useState<EventKind[]>([]);
  const { busy, outcome, run } = useWork();
  const submit = () =>
    void run(async () => {
      onMade(await api.addWebhook({ url, description, kinds }));
      setUrl("");
      setDescription("");
      setKinds([]);
    });
  return (
    <Card title="Add a system" id="add-webhook">
      <Form wide onSubmit={submit}>
        <TextField
          label="URL"
          type="url"
          hint="https, at an address of the public internet or one that the operator allows."
          required
          value={url}
          onChange={setUrl}
        />
        <TextField label="What it is" maxLength={200} value={description} onChange={setDescription} />
        <Kinds chosen={kinds} onChange={setKinds} />
        <button type="submit" disabled={busy || !url || !kinds.length}>
          Add
        </button>
      </Form>
      <Outcome of={outcome} />
    </Card>
  );
}

interface OneProps {
  webhook: Webhook;
  onChange: () => void;
  onSecret: (made: NewWebhook) => void;
  onClose: () => void;
}

/** One system: what it is told of, and what became of each message. */
function One({ webhook, onChange, onSecret, onClose }: OneProps) {
  const { id, url, description, active } = webhook;
  const [kinds, setKinds] = useState(webhook.kinds);
  const { busy, outcome, run } = useWork();
  useEffect(() => focusCard("webhook"), []);
  const change = (terms: { active: boolean; kinds: EventKind[] }) =>
    void run(async () => {
      await api.changeWebhook(id, { url, description, ...terms });
      onChange();
      return "Kept.";
    });
  const test = () =>
    void run(async () => {
      const { taken, error } = await api.testWebhook(id);
      if (!taken) throw new Error(`It did not take the message: ${error ?? "no answer"}`);
      return "It took the message.";
    });
  const rotate = () => {
    if (!window.confirm("Give it a new secret? Both sign for a day, then the new one alone.")) return;
    void run(async () => {
      onSecret(await api.rotateWebhookSecret(id));
      onChange();
    });
  };
  const remove = () => {
    if (!window.confirm(`Remove ${url} with all messages to it?`)) return;
    void run(async () => {
      await api.removeWebhook(id);
      onChange();
      onClose();
    });
  };
  return (
    <>
      <Card
        title="One system"
        id="webhook"
        aside={
          <button type="button" className="quiet small" onClick={onClose}>
            Close
          </button>
        }
      >
        <Facts
          items={[
            ["Where", <code key="u" className="wrap">{url}</code>],
            ["State", <Standing key="s" of={standingOf(webhook)} reason={webhook.reason} />],
            ["Since", utc(webhook.created_at)],
            ...(webhook.two_secrets_until
              ? [["Two secrets sign until", utc(webhook.two_secrets_until)] as [string, string]]
              : []),
          ]}
        />
        <Form wide onSubmit={() => change({ active, kinds })}>
          <Kinds chosen={kinds} onChange={setKinds} />
          <div className="toolbar">
            <button type="submit" disabled={busy || !kinds.length}>
              Keep
            </button>
            <button type="button" className="quiet" disabled={busy} onClick={test}>
              Send a test
            </button>
            <button type="button" className="quiet" disabled={busy} onClick={() => change({ active: !active, kinds })}>
              {active ? "Turn off" : "Turn on"}
            </button>
            <button type="button" className="quiet" disabled={busy} onClick={rotate}>
              New secret
            </button>
            <button type="button" className="quiet" disabled={busy} onClick={remove}>
              Remove
            </button>
          </div>
        </Form>
        <Outcome of={outcome} />
      </Card>
      <Messages webhook={webhook} onChange={onChange} />
    </>
  );
}

function Messages({ webhook, onChange }: { webhook: Webhook; onChange: () => void }) {
  const [state, setState] = useState<DeliveryState | "">("");
  const [trail, setTrail] = useState<string[]>([]);
  const { busy, outcome, run } = useWork();
  const cursor = trail.at(-1);
  const load = () => api.deliveries(webhook.id, state || undefined, cursor);
  const deliveries = useLoad(`deliveries ${webhook.id} ${state} ${cursor ?? ""}`, load);
  const replay = (message?: string) =>
    void run(async () => {
      const { messages } = await api.replayWebhook(webhook.id, message);
      deliveries.reload();
      onChange();
      return `${count(messages)} to be sent again.`;
    });
  return (
    <Card
      title="Messages"
      id="deliveries"
      aside={
        (webhook.failed > 0 || webhook.failing_since) && (
          <button type="button" className="small" disabled={busy} onClick={() => replay()}>
            Send what failed again
          </button>
        )
      }
    >
      <Filter
        id="delivery-state"
        label="State"
        value={state}
        onChange={(wanted) => {
          setState(wanted as DeliveryState | "");
          setTrail([]);
        }}
      >
        <option value="">All</option>
        {Object.entries(DELIVERY_STATES).map(([name, [text]]) => (
          <option key={name} value={name}>
            {text}
          </option>
        ))}
      </Filter>
      <Load of={deliveries}>
        {(page) => (
          <>
            <Table
              caption="Messages to this system, newest first"
              rows={page.items}
              rowKey={(one) => one.id}
              empty={state ? "None stands so." : "Nothing was to be told yet."}
              columns={[
                { head: "What", cell: (one) => <code title={JSON.stringify(one.body)}>{one.kind}</code> },
                { head: "When", cell: (one) => utc(one.at) },
                { head: "State", cell: (one) => <Standing of={DELIVERY_STATES[one.state]} reason={one.error} /> },
                { head: "Attempts", numeric: true, cell: (one) => count(one.attempts) },
                { head: "Next attempt", cell: (one) => (one.next_attempt ? utc(one.next_attempt) : "–") },
                {
                  head: "Actions",
                  hideHead: true,
                  cell: (one) =>
                    one.state !== "waiting" && (
                      <button type="button" className="small" disabled={busy} onClick={() => replay(one.id)}>
                        Send again<span className="sr-only">: {one.kind} of {utc(one.at)}</span>
                      </button>
                    ),
                },
              ]}
            />
            <Pager trail={trail} next={page.next} onMove={setTrail} />
          </>
        )}
      </Load>
      <Outcome of={outcome} />
    </Card>
  );
}
