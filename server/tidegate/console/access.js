// What a user may do, by the `x-access` rules of the schema: the page sends no request that the gateway would refuse.
// The gateway decides; it alone knows the rules in Python and the rules about rows.

import { element, prose } from "./dom.js";

/** Whether `user` may try `action`: {action, allowed}, and if not {who, tail, options}: words, and options of `tidegate token`. */
export function permitted(access, action, user) {
  if (access === null) return { action, allowed: true }; // outside development the page is not told the rules
  const rules = [access[action] ?? []].flat();
  if (rules.some((rule) => passes(rule, user))) return { action, allowed: true };
  if (rules.length === 0) {
    const why = Object.keys(access).length ? "`x-access` does not name this" : "`x-access` is empty";
    return { action, allowed: false, who: "No role may", tail: `: ${why}; see docs/how-to/permissions.md.` };
  }
  if (rules.includes("authenticated"))
    return { action, allowed: false, who: "Only signed-in users may", tail: ".", options: "" };
  const roles = rules.map((rule) => rule.role ?? rule.slice("role:".length));
  const who = `Only users with the role ${roles.map((role) => `\`${role}\``).join(" or ")} may`;
  return { action, allowed: false, who, tail: ".", options: ` --role ${roles[0]}` };
}

/** What a user may not do with `what`, in words, with what to type for a token in development. */
export function explanations(answers, what, development) {
  const alike = new Map();
  for (const answer of answers.filter(({ allowed }) => !allowed)) {
    const known = alike.get(answer.who + answer.tail) ?? { ...answer, actions: [] };
    known.actions.push(answer.action);
    alike.set(answer.who + answer.tail, known);
  }
  return [...alike.values()].map(({ who, actions, tail, options }) => {
    const listed = actions.join(", ").replace(/, (?=[^,]*$)/, " or ");
    const hint =
      options !== undefined &&
      development &&
      element("code", { className: "command", textContent: development.token + options });
    return element("div", { className: "why" }, prose(`${who} ${listed} \`${what}\`${tail}`), hint || "");
  });
}

function passes(rule, user) {
  if (typeof rule === "object") return rule.role === undefined || user.roles.includes(rule.role);
  if (rule === "anyone") return true;
  if (user.anonymous) return false;
  return rule === "authenticated" || user.roles.includes(rule.slice("role:".length));
}
