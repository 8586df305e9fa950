import SIP
import TestSupport
import Testing

/// No input traps, and what is read of any input lies within it (security 15, 18).
@Suite struct MessageMutationTests {
    static let texts = [Texts.invite, Texts.folded, Texts.response]

    @Test(arguments: texts) func `cut at every octet`(text: String) {
        let bytes = wire(text)
        for end in bytes.indices { read(Array(bytes[..<end])) }
    }

    @Test(arguments: texts) func `every octet changed to every other`(text: String) {
        let bytes = wire(text)
        var changed = bytes
        for index in bytes.indices {
            for octet in Self.octets where octet != bytes[index] {
                changed[index] = octet
                read(changed)
            }
            changed[index] = bytes[index]
        }
    }

    @Test(arguments: texts) func `every octet left out, doubled, or replaced by a line end`(text: String) {
        let bytes = wire(text)
        for index in bytes.indices {
            read(Array(bytes[..<index] + bytes[(index + 1)...]))
            read(Array(bytes[...index] + bytes[index...]))
            read(Array(bytes[..<index] + [13, 10] + bytes[(index + 1)...]))
        }
    }

    /// The octets that mean something to the grammar, and some that don't.
    private static let octets = Array("\0\t\n\r \"%(),./09:;<=>?@AZ[\\]_az{}~".utf8) + [0x01, 0x7f, 0x80, 0xc3, 0xff]

    @Test(
        .enabled(if: Corpus.isPresent),
        arguments: ["protos-c07-sip", "kamailio-sip", "sipgo-fuzz-finds", "siphon-sipp"])
    func `seeds of others`(folder: String) throws {
        for seed in try Seeds.messages(of: folder) { read(seed) }
    }

    @Test(
        .enabled(if: Corpus.isPresent), arguments: ["ietf-rfc4475", "ietf-rfc5118", "ietf-call-flows", "kamailio-sip"])
    func `the scanner for shards finds the parser's Call-ID`(folder: String) throws {
        for seed in try Seeds.messages(of: folder) {
            guard let message = try? MessageParser.parse(datagram: seed), message.defect == nil else { continue }
            #expect(CallIDScanner.callID(in: seed) == message.callID)
        }
    }

    /// Reads all that can be read of a message; the parts of a sound one are in order and within it.
    private func read(_ bytes: [UInt8]) {
        _ = CallIDScanner.callID(in: bytes)
        guard let message = try? MessageParser.parse(datagram: bytes) else { return }
        var isSound = message.body.upperBound <= bytes.count
        for field in message.headers {
            isSound =
                isSound && field.line.lowerBound <= field.nameRange.lowerBound
                && field.nameRange.upperBound <= field.value.lowerBound
                && field.value.upperBound <= field.line.upperBound
            var values: [Range<Int>] = []
            FieldValues.append(field.value, of: bytes, to: &values)
            for value in values {
                _ = Via(value, in: bytes)
                guard let address = NameAddress(value, in: bytes) else { continue }
                _ = address.parameterList.all(in: bytes)
                guard let uri = URI(address.uri, in: bytes) else { continue }
                _ = (uri.user(in: bytes), uri.address(in: bytes), uri.transport(in: bytes), uri.isLoose(in: bytes))
                isSound = isSound && uri.isEquivalent(to: uri, in: bytes, bytes)
            }
        }
        _ = (TransactionKey(serverOf: message), TransactionKey(clientOf: message), message.hasSDP)
        #expect(isSound)
    }
}
