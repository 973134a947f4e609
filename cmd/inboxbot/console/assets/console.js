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
