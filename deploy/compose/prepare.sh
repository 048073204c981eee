#!/bin/sh
# Makes what ../compose.yaml needs and nobody may share: passwords, and a certificate of its own for trying. What is
# there already is kept.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
for name in database-password redis-password; do
  [ -s "secrets/$name" ] || openssl rand -hex 32 >"secrets/$name"
done
if [ ! -s secrets/tls.key ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 30 -subj /CN=app.example.com \
    -addext subjectAltName=DNS:app.example.com -keyout secrets/tls.key -out secrets/tls.crt 2>/dev/null
fi
# The containers read them as users of their own. Nobody else on this machine gets through the folder.
chmod 0644 secrets/*
chmod 0700 secrets
echo "deploy/compose/secrets is ready: $(ls secrets | tr '\n' ' ')"
