import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../free-port.ts'
import { isInstalled, listening, start } from '../processes.ts'
import type { Contestant, Course } from './contestant.ts'

export const nginx: Contestant = contestant('nginx', '')
export const nginxAuthRequest: Contestant = contestant('nginx + auth_request', 'auth_request /authorise;')

function contestant(name: string, extra: string): Contestant {
  return {
    name,
    absent: () => (isInstalled('nginx') ? undefined : 'nginx is not installed'),
    async start(course) {
      const port = await freePort()
      mkdirSync(course.folder, { recursive: true })
      const file = join(course.folder, 'nginx.conf')
      writeFileSync(file, configuration(port, course, extra))
      const running = start('nginx', [
        '-c',
        file,
        '-p',
        course.folder,
        '-e',
        join(course.folder, 'error.log'),
      ])
      await listening(port)
      return { running, port }
    },
  }
}

function configuration(port: number, { upstreamPort, folder }: Course, extra: string): string {
  return `
daemon off; worker_processes 1; pid ${folder}/nginx.pid; user root;
events { worker_connections 4096; }
http {
  access_log ${folder}/access.log;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  keepalive_requests 1000000000;
  upstream service { server 127.0.0.1:${upstreamPort}; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port};
    proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $remote_addr;
    location / { ${extra} proxy_pass http://service; }
    location = /authorise { internal; proxy_pass http://service; proxy_pass_request_body off; proxy_set_header Content-Length ""; }
  }
}
`
}
