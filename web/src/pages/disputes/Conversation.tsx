import { useState } from "react";
import * as api from "../../api";
import { DISPUTE_STATES, TEXT_MAX, speaker, textError } from "../../dispute";
import { Form, TextAreaField } from "../../fields";
import { utc } from "../../format";
import type { Decision, Dispute } from "../../types";
import { Badge } from "../../ui";
import { Outcome, useWork } from "../../work";

/** What was said in a dispute, oldest first. */
export function Conversation({ dispute, staff }: { dispute: Dispute; staff: boolean }) {
  return (
    <ol className="said" aria-label="What was said, oldest first">
      {dispute.said.map((one, place) => (
        <li key={`${place} ${one.at}`} className={(one.by === "staff") === staff ? "own" : undefined}>
          <p className="said-by">
            <b>{speaker(one, staff)}</b> <time dateTime={one.at}>{utc(one.at)}</time>
            {one.decision && <Badge tone={DISPUTE_STATES[one.decision][1]}>{DISPUTE_STATES[one.decision][0]}</Badge>}
          </p>
          <p className="said-text">{one.text}</p>
        </li>
      ))}
    </ol>
  );
}

/** A way to end a dispute: what the button says, and what is asked before. */
export interface Ending {
  decision: Decision;
  action: string;
  question: string;
}

/** Says something in a dispute that is open, or ends it with a reason. */
export function Reply(props: { dispute: Dispute; endings: Ending[]; hint: string; onSaid: (dispute: Dispute) => void }) {
  const { dispute, endings, hint, onSaid } = props;
  const [text, setText] = useState("");
  const [tried, setTried] = useState(false);
  const { busy, outcome, run } = useWork();
  const say = (ending?: Ending) => {
    setTried(true);
    if (textError(text) || (ending && !confirm(ending.question))) return;
    void run(async () => {
      const answer = await api.sayInDispute(dispute.id, text.trim(), ending?.decision);
      setText("");
      setTried(false);
      onSaid(answer);
    });
  };
  return (
    <>
      <Form onSubmit={() => say()}>
        <TextAreaField
          label="Your words"
          hint={hint}
          error={tried ? textError(text) : undefined}
          maxLength={TEXT_MAX}
          value={text}
          onChange={setText}
        />
        <div className="row-actions">
          {endings.map((ending) => (
            <button key={ending.decision} type="button" className="quiet" disabled={busy} onClick={() => say(ending)}>
              {ending.action}
            </button>
          ))}
          <button type="submit" className="primary" disabled={busy}>
            Answer
          </button>
        </div>
      </Form>
      <Outcome of={outcome} />
    </>
  );
}
