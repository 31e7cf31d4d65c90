import { describe, expect, it } from 'vitest';
import { credentialHolder } from '../../lib/credentials.ts';

describe('the credentials of a warm instance', () => {
  it('are those of the newest call', () => {
    const { update, current } = credentialHolder();
    update({ accessKeyId: 'a', accessKeySecret: 'b', securityToken: 'c' });
    update({ accessKeyId: 'd', accessKeySecret: 'e' });
    expect(current()).toEqual({ accessKeyId: 'd', accessKeySecret: 'e' });
  });

  it('are missing, with advice, if the function has no role', () => {
    const { update, current } = credentialHolder();
    for (const brought of [{}, { accessKeyId: 'a' }, { accessKeyId: '', accessKeySecret: '' }]) {
      expect(() => update(brought)).toThrowError('Give the function a role');
    }
    expect(() => current()).toThrowError(expect.objectContaining({ code: 'MissingCredentials' }));
  });
});
