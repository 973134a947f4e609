// What pages do beyond htmx. Without this file nothing is missing but comfort.
'use strict';

// Say whether what is live is live.
const live = text => document.querySelectorAll('[data-live]').forEach(e => { if (e.textContent !== text) e.textContent = text; });
document.addEventListener('htmx:sseOpen', () => live('live'));
document.addEventListener('htmx:sseError', () => live('not live: trying again'));
document.addEventListener('htmx:sseClose', () => live(''));

// What could not be fetched says so where it would have been.
document.addEventListener('htmx:responseError', e => {
  e.detail.target.textContent = e.detail.xhr.status === 429
    ? 'Much was looked at in a short time. Try again in a few seconds.'
    : 'That did not work. Reload the page and try again.';
});

// Who asked for an explanation, by keyboard or with a screen reader, is taken to it.
document.addEventListener('htmx:afterSettle', () => {
  const asked = document.activeElement.closest('form[hx-target="#explained"]');
  if (asked) document.getElementById('h-explained')?.focus();
});

// Escape closes the form for pausing and gives the keyboard back to its button.
document.addEventListener('keydown', e => {
  const open = e.key === 'Escape' && document.querySelector('details.pause[open]');
  if (open) {
    open.open = false;
    open.querySelector('summary').focus();
  }
});
document.addEventListener('toggle', e => {
  if (e.target.matches('details.pause[open]')) e.target.querySelector('input[name=reason]').focus();
}, true);

// Drafts: one is the current one; a key presses its button. Only where nobody types.
const drafts = () => [...document.querySelectorAll('.waiting')];
const current = () => document.activeElement.closest('.waiting');
const go = by => {
  const all = drafts(), at = all.indexOf(current());
  const to = all[at < 0 ? 0 : Math.min(Math.max(at + by, 0), all.length - 1)];
  if (to) { to.focus(); to.scrollIntoView({ block: 'nearest' }); }
};
document.addEventListener('keydown', e => {
  if (!drafts().length || e.repeat || e.ctrlKey || e.metaKey || e.altKey || e.isComposing) return;
  if (e.target.matches('input, textarea, select')) {
    if (e.key === 'Escape' && current()) current().focus();
    return;
  }
  const press = current() && current().querySelector(`[data-key="${CSS.escape(e.key)}"]`);
  if (e.key === 'j' || e.key === 'k') go(e.key === 'j' ? 1 : -1);
  else if (e.key === 'e' && current()) { // once the key is up: it is not part of the text
    const field = current().querySelector('textarea');
    document.addEventListener('keyup', () => field.focus(), { once: true });
  }
  else if (press && !('fresh' in current().dataset)) press.click();
});
document.addEventListener('input', e => {
  if (!e.target.dataset.most) return;
  const out = e.target.form.querySelector('output'), n = e.target.value.trim().length;
  out.textContent = n;
  out.parentElement.classList.toggle('over', n > e.target.dataset.most || n === 0);
});
document.addEventListener('DOMContentLoaded', () => {
  const at = document.querySelector('[aria-invalid=true]') || (/^#d[\w-]+$/.test(location.hash) && document.getElementById(location.hash.slice(1)));
  if (!at || !at.matches('.waiting, [aria-invalid]')) return;
  at.focus();
  if (at.matches('.waiting')) { // a key that was pressed twice is not meant for this one, which nobody has read
    at.dataset.fresh = '';
    setTimeout(() => delete at.dataset.fresh, 800);
  }
});
