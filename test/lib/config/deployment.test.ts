import { describe, expect, it } from 'vitest';
import { deploymentFrom } from '../../../lib/config/deployment.ts';

const ENV = {
  OSS_ENDPOINT: 'oss-cn-hangzhou-internal.aliyuncs.com',
  OSS_BUCKET: 'demo',
  FC_REGION: 'cn-hangzhou',
};

describe('the environment', () => {
  it('needs an endpoint and a bucket, and knows the rest', () => {
    expect(deploymentFrom(ENV)).toEqual({
      endpoint: 'https://oss-cn-hangzhou-internal.aliyuncs.com',
      region: 'cn-hangzhou',
      bucket: 'demo',
      access: 'deny',
      fcEndpoint: null,
      queue: undefined,
      queueShape: 'auto',
      queueBodies: 'text',
      instance: undefined,
      port: 9000,
    });
  });

  it('says where the API of Function Compute is, where that is not in the account and region of the function', () => {
    const endpoint = (APPEND_FC_ENDPOINT: string) =>
      deploymentFrom({ ...ENV, APPEND_FC_ENDPOINT }).fcEndpoint;
    expect(endpoint('http://127.0.0.1:9001/')).toBe('http://127.0.0.1:9001');
    expect(endpoint('1.cn-hangzhou-internal.fc.aliyuncs.com')).toBe(
      'https://1.cn-hangzhou-internal.fc.aliyuncs.com',
    );
    expect(() => endpoint('http://x/2023-03-30')).toThrowError(
      /APPEND_FC_ENDPOINT: write the URL of the API/,
    );
  });

  it('names every variable that is missing, and what to put there', () => {
    expect(() => deploymentFrom({ OSS_BUCKET: '' })).toThrowError(
      /OSS_BUCKET: is missing; write the name.*\n.*OSS_ENDPOINT: is missing; write the endpoint.*\n.*OSS_REGION: is missing; write the region/,
    );
  });

  it.each([
    ['OSS_BUCKET', 'Demo'],
    ['OSS_BUCKET', 'a'],
    ['OSS_ENDPOINT', 'ftp://oss.example'],
    ['OSS_ENDPOINT', 'oss.example/demo'],
    ['OSS_ENDPOINT', 'https://user:secret@oss.example'],
    ['OSS_ENDPOINT', 'demo.oss-cn-hangzhou.aliyuncs.com'],
    ['OSS_REGION', 'Hangzhou'],
    ['APPEND_ACCESS', 'local'],
    ['APPEND_QUEUE_SHAPE', 'stream'],
    ['APPEND_QUEUE_BODIES', 'hex'],
    ['FC_SERVER_PORT', '65536'],
    ['FC_CUSTOM_LISTEN_PORT', 'http'],
  ])('does not take %s=%s, and does not repeat it', (name, value) => {
    const load = () => deploymentFrom({ ...ENV, [name]: value });
    expect(load).toThrowError(name === 'FC_SERVER_PORT' ? 'FC_CUSTOM_LISTEN_PORT' : name);
    expect(load).not.toThrowError('secret');
  });

  it('prefers what is set for this project to what the platform sets', () => {
    const env = { ...ENV, OSS_REGION: 'oss-cn-beijing', OSS_ENDPOINT: 'http://oss.example:8080/' };
    expect(deploymentFrom({ ...env, FC_SERVER_PORT: '1', FC_CUSTOM_LISTEN_PORT: '2' })).toMatchObject({
      region: 'cn-beijing',
      endpoint: 'http://oss.example:8080',
      port: 2,
    });
    expect(deploymentFrom({ ...env, FC_SERVER_PORT: '1' })).toMatchObject({ port: 1 });
  });

  it('lets nobody write over HTTP unless it is told to', () => {
    expect(deploymentFrom({ ...ENV, APPEND_ACCESS: '' })).toMatchObject({ access: 'deny' });
    for (const access of ['open', 'trigger', 'deny'])
      expect(deploymentFrom({ ...ENV, APPEND_ACCESS: access })).toMatchObject({ access });
  });

  it('reads the environment of the process by default', () => {
    expect(() => deploymentFrom()).toThrowError('OSS_BUCKET');
  });
});
