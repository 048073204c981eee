/** The two pages of the team chat. */

export function loginPage(message: string): string {
  const alert = message === '' ? '' : `<p role="alert">${escapeHtml(message)}</p>`
  return page(
    'Sign in',
    `<h1>Team chat</h1>${alert}
<form method="post" action="/login">
  <label>User name <input name="username" autocomplete="username" autofocus required></label>
  <label>Password <input name="password" type="password" autocomplete="current-password" required></label>
  <button>Sign in</button>
</form>
<p class="quiet">A sample service for the evaluation: alice / wonderland, bob / builder, carol / contractor.</p>`,
  )
}

interface ShownMessage {
  readonly from: string
  readonly text: string
}

export function chatPage(user: string, messages: readonly ShownMessage[]): string {
  const items = messages.map(({ from, text }) => `<li><b>${escapeHtml(from)}</b> ${escapeHtml(text)}</li>`)
  return page(
    'Team chat',
    `<header><h1>Team chat</h1><span class="quiet">${escapeHtml(user)} · <a href="/logout">Sign out</a></span></header>
<ul id="messages">${items.join('')}</ul>
<form method="post" action="/api/messages" class="row">
  <input name="text" aria-label="Message" placeholder="Write a message" autocomplete="off" required>
  <button>Send</button>
</form>
<script>${live}</script>`,
  )
}

/** Shows what others write, over the WebSocket; a new page load is not needed. */
const live = `
const list = document.getElementById('messages')
const socket = new WebSocket(location.origin.replace(/^http/, 'ws') + '/ws')
socket.onmessage = event => {
  const message = JSON.parse(event.data)
  if (message.text === undefined) return
  const item = document.createElement('li')
  const from = document.createElement('b')
  from.textContent = message.from
  item.append(from, ' ' + message.text)
  list.append(item)
}
document.querySelector('form').onsubmit = event => {
  if (socket.readyState !== WebSocket.OPEN) return
  event.preventDefault()
  socket.send(event.target.text.value)
  event.target.reset()
}`

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>${title}</title>
<style>${style}</style>
<main>${body}</main>
</html>
`
}

const style = `
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 }
main { max-width: 34rem; margin: 3rem auto; padding: 0 1rem }
h1 { font-size: 1.3rem; margin: 0 }
header { display: flex; justify-content: space-between; align-items: baseline }
form { display: grid; gap: .8rem; margin: 1.5rem 0 }
form.row { grid-template-columns: 1fr auto }
label { display: grid; gap: .2rem }
input, button { font: inherit; padding: .5rem .7rem; border-radius: .4rem; border: 1px solid #8888 }
button { background: #2757a8; border-color: #2757a8; color: #fff }
ul { list-style: none; padding: 0 }
li { padding: .3rem 0; border-bottom: 1px solid #8883 }
[role=alert] { color: #b3261e }
.quiet { color: #777; font-size: .9rem }`

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
