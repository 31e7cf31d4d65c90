/**
 * DeleteObject and DeleteMultipleObjects: `DELETE /<key>`, `POST /?delete`.
 * Source: OSS API reference, "DeleteObject", "DeleteMultipleObjects".
 *
 * Deleting what is not there succeeds, as on OSS.
 */
import { type Answer, xmlAnswer } from '../answer.ts';
import { bodyBytes } from '../body.ts';
import { OssError } from '../errors.ts';
import { parseXml, type XmlElement } from '../xml.ts';
import { bucketOf, type Call, checkKey, keyOf } from './call.ts';
import { encoderOf } from './encoding.ts';

const KEYS_MAX = 1000;
/** "The request body can be up to 2 MB in size." */
export const DELETE_BODY_BYTES_MAX = 2 * 1024 * 1024;

export function deleteObject(call: Call): Answer {
  const key = keyOf(call);
  const bucket = bucketOf(call);
  if (bucket.objects.has(key)) call.store.commit({ op: 'delete', bucket: bucket.name, keys: [key] });
  return { status: 204, headers: {} };
}

export function deleteMultipleObjects(call: Call): Answer {
  const bucket = bucketOf(call);
  const document = parseXml(bodyBytes(call.body), 'Delete');
  const keys = document.all('Object').map((object) => object.text('Key'));
  if (keys.length < 1 || keys.length > KEYS_MAX) {
    throw new OssError('MalformedXML', {
      elements: { ErrorDetail: `the number of keys must be 1 to ${KEYS_MAX}.` },
    });
  }
  for (const key of keys) checkKey(key);
  call.store.commit({ op: 'delete', bucket: bucket.name, keys });
  if (document.optionalText('Quiet')?.toLowerCase() === 'true') return xmlAnswer(200, 'DeleteResult', []);
  const { encode, elements } = encoderOf(call);
  const deleted = keys.map((key): XmlElement => ['Deleted', [['Key', encode(key)]]]);
  return xmlAnswer(200, 'DeleteResult', [...elements, ...deleted]);
}
