/** Loaded before a program: its clock is ahead by the milliseconds that stand in the file GATEHOUSE_TEST_CLOCK, as of now. */
import { readFileSync } from 'node:fs'

const now = Date.now
let ahead = 0

function look() {
  try {
    ahead = Number(readFileSync(process.env.GATEHOUSE_TEST_CLOCK, 'utf8')) || 0
  } catch {
    ahead = 0
  }
}

look()
setInterval(look, 50).unref()
Date.now = () => now() + ahead
