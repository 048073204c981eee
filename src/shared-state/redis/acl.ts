/** What an ACL user needs; `docs/operations.md` shows it, and the tests run with it. */
export const aclRules =
  '~gatehouse:* &gatehouse:* +@connection +get +set +del +hget +hmget +hset +incr +pexpire +eval +evalsha +publish +subscribe +info +cluster|slots +cluster|info'
