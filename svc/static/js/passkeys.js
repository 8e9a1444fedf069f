// Passkeys (W3C WebAuthn level 3). A form with data-passkey="create" or "get" asks data-passkey-url for options (to
// create one, with the password in the form), has the authenticator answer, fills passkey_challenge and
// passkey_answer, and is then sent as any other form.

const NAMES = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];

function toBytes(base64url) {
  const plain = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

function toBase64url(buffer) {
  const plain = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function withBytes(list) {
  return (list ?? []).map((one) => ({ ...one, id: toBytes(one.id) }));
}

/** The options as the browser takes them: binary where JSON has base64url. */
function forBrowser(options) {
  const made = { ...options, challenge: toBytes(options.challenge) };
  if (options.user) made.user = { ...options.user, id: toBytes(options.user.id) };
  if (options.excludeCredentials) made.excludeCredentials = withBytes(options.excludeCredentials);
  if (options.allowCredentials) made.allowCredentials = withBytes(options.allowCredentials);
  return made;
}

/** RegistrationResponseJSON or AuthenticationResponseJSON. */
function asJson(credential) {
  const response = {};
  for (const name of NAMES) {
    if (credential.response[name]) response[name] = toBase64url(credential.response[name]);
  }
  if (credential.response.getTransports) response.transports = credential.response.getTransports();
  return JSON.stringify({
    id: credential.id,
    rawId: toBase64url(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
    clientExtensionResults: credential.getClientExtensionResults(),
    response,
  });
}

class Refused extends Error {}

async function begin(form) {
  const request = { headers: { Accept: "application/json" }, redirect: "error" };
  if (form.dataset.passkey === "create") {
    const { csrf_token: token, password } = form.elements;
    Object.assign(request, {
      method: "POST", body: new URLSearchParams({ csrf_token: token.value, password: password.value }),
    });
  }
  const answer = await fetch(form.dataset.passkeyUrl, request);
  const said = await answer.json();
  if (!answer.ok) throw new Refused(said.message);
  return said;
}

function wordsFor(form, error) {
  if (error instanceof Refused) return error.message;
  if (error.name === "InvalidStateError") return form.dataset.textKnown;
  if (error.name === "NotAllowedError" || error.name === "AbortError") return form.dataset.textCancelled;
  return form.dataset.textFailed;
}

async function ask(form, submitter) {
  const status = form.querySelector("[data-passkey-status]");
  if (!window.PublicKeyCredential) {
    status.textContent = form.dataset.textUnsupported;
    return;
  }
  form.dataset.passkeyAsking = "yes";
  status.textContent = form.dataset.textTouch;
  try {
    const { options, challenge } = await begin(form);
    const publicKey = forBrowser(options);
    const made = form.dataset.passkey === "create"
      ? await navigator.credentials.create({ publicKey }) : await navigator.credentials.get({ publicKey });
    form.elements.passkey_challenge.value = challenge;
    form.elements.passkey_answer.value = asJson(made);
    status.textContent = "";
    form.requestSubmit(submitter);
  } catch (error) {
    status.textContent = wordsFor(form, error);
  } finally {
    delete form.dataset.passkeyAsking;
  }
}

// before the listener that marks a form as sent (requests.js), hence in the capture phase
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-passkey]") || form.elements.passkey_answer.value) return;
  if (!("passkeyOnly" in form.dataset) && event.submitter?.value !== "passkey") return;
  event.preventDefault();
  if (!form.dataset.passkeyAsking) ask(form, event.submitter);
}, true);

// an answer is good for once: a page that comes back by the browser's button starts anew
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.elements.passkey_challenge.value = "";
    form.elements.passkey_answer.value = "";
  }
});
