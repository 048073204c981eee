import { hash } from 'node:crypto'

/**
 * The scripts by which device states are read and written, each of which Redis runs as a whole. A script is given the
 * position's key alone and makes the names of the others out of it and of the generation that it finds there, so that
 * a new generation holds at once for every process. They stand in one hash slot (`keys.ts`), which is what a Cluster asks.
 *
 * Values. State: `VERSION:JSON`, or `VERSION:` alone when a change with this sequence has ended what was there. Key:
 * `=VERSION:EXPIRES:REGISTRATION`, `?SEQUENCE` when the record did not know it then, `!SEQUENCE` when it was registered then.
 */
export interface Script {
  readonly sha: string
  readonly lua: string
}

function script(body: string): Script {
  const lua = body.trim()
  return { lua, sha: hash('sha1', lua, 'hex') }
}

/** `-` stands for a value of another type, which is somebody else's. */
const read = `
local function read(key)
  local value = redis.pcall('GET', key)
  if type(value) ~= 'table' then return value or '' end
  if string.find(value.err, 'WRONGTYPE', 1, true) then return '-' end
  error(value.err)
end
local function version_of(key)
  return tonumber(string.match(read(key), '^(%d+):') or '-1')
end
`

/** Without a position that makes sense there is nothing: the reply is nil. One of another type is somebody else's: the error itself. */
const position = `
local fields = redis.pcall('HMGET', KEYS[1], 'generation', 'sequence', 'since')
if fields.err then return fields end
local generation = fields[1]
local sequence = tonumber(fields[2] or '')
local since = tonumber(fields[3] or '')
if not generation or not sequence or not since then return nil end
local base = string.sub(KEYS[1], 1, -9) .. generation .. ':'
`

/**
 * KEYS: since when nonces are remembered. ARGV: hash, milliseconds, when it was made, the time. A Redis that was flushed does
 * not know since when: it is from now on, and what was made before may have been claimed before. Reply: 1, or 0; the error
 * itself when the key is of another type, somebody else's.
 */
export const claimScript = script(`
local known = redis.pcall('GET', KEYS[1])
if type(known) == 'table' then return known end
local since = tonumber(known or '')
if not since then
  since = tonumber(ARGV[4])
  redis.call('SET', KEYS[1], ARGV[4])
end
if tonumber(ARGV[3]) < since then return 0 end
if redis.call('SET', KEYS[1] .. ':' .. ARGV[1], 1, 'PX', ARGV[2], 'NX') then return 1 end
return 0`)

/** ARGV: the sequence that the reader was told of, hashes. Reply: for each hash its value and that of its state; nil when Redis is behind. */
export const findScript = script(`${read}${position}
if sequence < tonumber(ARGV[1]) then return nil end
local found = {}
for i = 2, #ARGV do
  local pointer = read(base .. 'k:' .. ARGV[i])
  local id = string.match(pointer, '^=%d+:%d*:(.+)$')
  found[#found + 1] = pointer
  found[#found + 1] = id and read(base .. 's:' .. id) or ''
end
return found`)

/** ARGV: as of, hash, registration, version, when the key expires or nothing, JSON, milliseconds for the state and for the key. */
export const putScript = script(`${read}${position}
if tonumber(ARGV[1]) < since then return 0 end
local version = tonumber(ARGV[4])
local state = base .. 's:' .. ARGV[3]
if read(state) == '-' or version_of(state) > version then return 0 end
redis.call('SET', state, ARGV[4] .. ':' .. ARGV[6], 'PX', ARGV[7])
local key = base .. 'k:' .. ARGV[2]
local present = read(key)
if present == '-' or tonumber(string.match(present, '^=(%d+):') or '-1') > version then return 0 end
redis.call('SET', key, '=' .. ARGV[4] .. ':' .. ARGV[5] .. ':' .. ARGV[3], 'PX', ARGV[8])
return 1`)

/** ARGV: as of, milliseconds, hashes. */
export const putUnknownScript = script(`${read}${position}
if tonumber(ARGV[1]) < since then return 0 end
for i = 3, #ARGV do
  local key = base .. 'k:' .. ARGV[i]
  local present = read(key)
  local registered = tonumber(string.match(present, '^!(%d+)$') or '-1')
  local ended = registered >= 0 and registered <= tonumber(ARGV[1])
  if present == '' or string.sub(present, 1, 1) == '?' or ended then
    redis.call('SET', key, '?' .. ARGV[1], 'PX', ARGV[2])
  end
end
return 1`)

/** ARGV: sequence, milliseconds, hashes. */
export const forgetUnknownScript = script(`${read}${position}
for i = 3, #ARGV do
  local key = base .. 'k:' .. ARGV[i]
  local present = read(key)
  local before = tonumber(string.match(present, '^!(%d+)$') or '-1')
  if present ~= '-' and string.sub(present, 1, 1) ~= '=' and before < tonumber(ARGV[1]) then
    redis.call('SET', key, '!' .. ARGV[1], 'PX', ARGV[2])
  end
end
return 1`)

/**
 * ARGV: the sequence after which these are all the changes of registrations, the last one's and its mark, milliseconds, then
 * registration and sequence of each. The position moves on only when nothing is missing in between.
 */
export const invalidateScript = script(`${read}${position}
for i = 5, #ARGV, 2 do
  local key = base .. 's:' .. ARGV[i]
  if version_of(key) < tonumber(ARGV[i + 1]) then
    redis.call('SET', key, ARGV[i + 1] .. ':', 'PX', ARGV[4])
  end
end
if sequence >= tonumber(ARGV[1]) and sequence < tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], 'sequence', ARGV[2], 'mark', ARGV[3])
end
return 1`)

/** ARGV: the generation that is left (nothing for none), the new one, the record's sequence and the mark of that change. Reply: the present generation. */
export const beginScript = script(`
local present = redis.call('HGET', KEYS[1], 'generation') or ''
if present ~= ARGV[1] then return present end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'generation', ARGV[2], 'sequence', ARGV[3], 'since', ARGV[3], 'mark', ARGV[4])
return ARGV[2]`)

/** ARGV: kind and name of a key, the value that did not parse. */
export const discardScript = script(`${read}${position}
local key = base .. ARGV[1]
if read(key) == ARGV[2] then redis.call('DEL', key) end
return 1`)

/** KEYS[1]: the counter. ARGV: milliseconds of its window. */
export const hitScript = script(`
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return count`)
