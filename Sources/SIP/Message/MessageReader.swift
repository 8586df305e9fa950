import NetworkTypes

/// One pass over a message's octets; remembers the first thing that is wrong.
///
/// The octets are a parameter of each step rather than a property: so the compiler knows that they don't change.
struct MessageReader {
    var position: Int
    var defect: Message.Defect?
    private var headers: [HeaderField] = []
    /// The single-valued names that have been seen, one bit each.
    private var seen: UInt64 = 0
    private var vias = 0
    private var topVia: Via?
    private var callID = 0..<0
    private var cSeq: CSeq?
    private var fromTag: Range<Int>?
    private var toTag: Range<Int>?
    private var maxForwards: UInt8?
    private var contentLength: Int?

    init(position: Int) {
        self.position = position
        headers.reserveCapacity(24)
    }

    mutating func blame(_ status: Int, _ reason: String) {
        if defect == nil { defect = Message.Defect(status, reason) }
    }

    // MARK: Header fields

    /// Reads fields up to the empty line; without one the message ends with the octets.
    mutating func readHeaders(_ bytes: [UInt8]) {
        while position < bytes.count {
            if skipEmptyLine(bytes) { return }
            guard headers.count < MessageParser.maximumHeaders else { return blame(400, "Too Many Header Fields") }
            readField(bytes)
        }
        blame(400, "No End Of Header Fields")
    }

    private mutating func skipEmptyLine(_ bytes: [UInt8]) -> Bool {
        let octets = bytes.span
        if octets[position] == 10 {
            position += 1
            return true
        }
        guard octets[position] == 13, position + 1 < octets.count, octets[position + 1] == 10 else { return false }
        position += 2
        return true
    }

    private mutating func readField(_ bytes: [UInt8]) {
        let octets = bytes.span
        let start = position
        var index = start
        while index < octets.count, Token.isTokenOctet(octets[index]) { index &+= 1 }
        let nameEnd = index
        while index < octets.count, octets[index].isWhitespace { index &+= 1 }
        guard nameEnd > start, index < octets.count, octets[index] == UInt8(ascii: ":") else {
            _ = readValue(from: start, bytes)
            return blame(400, "Malformed Header Field Name")
        }
        let value = readValue(from: index + 1, bytes)
        let name = HeaderName(start..<nameEnd, in: bytes)
        headers.append(HeaderField(name: name, nameEnd: nameEnd, value: value, line: start..<position))
        if name != .other { note(name, value, bytes) }
    }

    /// The value that starts at `start`, without white space around it; `position` moves behind its last line.
    ///
    /// Control characters are refused, but for what a quoted pair may escape (RFC 3261 §25.1; RFC 4475 §3.1.1.2).
    private mutating func readValue(from start: Int, _ bytes: [UInt8]) -> Range<Int> {
        let octets = bytes.span
        var index = start
        while index < octets.count {
            let octet = octets[index]
            index &+= 1
            if octet >= 0x20, octet != 0x7f { continue }
            switch octet {
            case 0x09: break
            case 0x0a:
                // White space at the start of the next line folds it into this one (§7.3.1).
                if index < octets.count, octets[index].isWhitespace { break }
                position = index
                return bytes.trimming(start..<index)
            case 0x0d:
                if index >= octets.count || octets[index] != 0x0a { blame(400, "Carriage Return In Header Field") }
            default:
                if index - 2 < start || octets[index - 2] != UInt8(ascii: "\\") {
                    blame(400, "Control Character In Header Field")
                }
            }
        }
        position = index
        return bytes.trimming(start..<index)
    }

    /// Reads the fields that every hop needs.
    private mutating func note(_ name: HeaderName, _ value: Range<Int>, _ bytes: [UInt8]) {
        if name.isSingle {
            let bit = 1 as UInt64 &<< UInt64(name.rawValue)
            if seen & bit != 0 { return blame(400, "Repeated Header Field") }
            seen |= bit
        }
        switch name {
        case .via: noteVia(value, bytes)
        case .callID: callID = value
        case .cSeq:
            cSeq = CSeq(value, in: bytes)
            if cSeq == nil { blame(400, "Malformed CSeq") }
        case .from: fromTag = readTag(value, bytes, "Malformed From")
        case .to: toTag = readTag(value, bytes, "Malformed To")
        case .maxForwards:
            maxForwards = bytes.decimal(value)
            if maxForwards == nil { blame(400, "Malformed Max-Forwards") }
        case .contentLength:
            contentLength = bytes.decimal(value, as: UInt32.self).map(Int.init)
            if contentLength == nil { blame(400, "Malformed Content-Length") }
        default: break
        }
    }

    private mutating func noteVia(_ value: Range<Int>, _ bytes: [UInt8]) {
        var start = value.lowerBound
        repeat {
            let end = FieldValues.end(of: start..<value.upperBound, in: bytes)
            let via = bytes.trimming(start..<end)
            if via.isEmpty { blame(400, "Malformed Via") }
            if vias == 0 {
                topVia = Via(via, in: bytes)
                if topVia?.isWellFormed == false { blame(400, "Malformed Via") }
            }
            vias += 1
            start = end + 1
        } while start <= value.upperBound
    }

    /// The tag of a From or To value.
    private mutating func readTag(_ value: Range<Int>, _ bytes: [UInt8], _ reason: String) -> Range<Int>? {
        guard let address = NameAddress(value, in: bytes) else {
            blame(400, reason)
            return nil
        }
        let (tag, isWellFormed) = address.parameterList.only("tag", in: bytes)
        if !isWellFormed || URI(address.uri, in: bytes) == nil { blame(400, reason) }
        guard let tag else { return nil }
        guard let value = tag.value, Token.isToken(value, in: bytes) else {
            blame(400, reason)
            return nil
        }
        return value
    }

    // MARK: The whole

    /// Puts the message together; nil when it has no Via that could be read.
    mutating func message(_ startLine: Message.StartLine, _ bytes: [UInt8]) -> Message? {
        guard let topVia else { return nil }
        if vias > MessageParser.maximumVias { blame(400, "Too Many Via Values") }
        if callID.isEmpty || !isWord(callID, bytes) { blame(400, "Missing Call-ID") }
        if seen & 1 << UInt64(HeaderName.from.rawValue) == 0 { blame(400, "Missing From") }
        if seen & 1 << UInt64(HeaderName.to.rawValue) == 0 { blame(400, "Missing To") }
        if cSeq == nil { blame(400, "Missing CSeq") }
        check(startLine, bytes)
        return Message(
            bytes: bytes, startLine: startLine, headers: headers, body: body(bytes), topVia: topVia, callID: callID,
            cSeq: cSeq ?? .missing, fromTag: fromTag, toTag: toTag, maxForwards: maxForwards, defect: defect)
    }

    private func isWord(_ range: Range<Int>, _ bytes: [UInt8]) -> Bool {
        let octets = bytes.span
        for index in range where octets[index] <= 0x20 { return false }
        return true
    }

    /// RFC 3261 §8.1.1.5: the CSeq's method is the request's; RFC 4475 §3.1.2.18 prefers 501 for an unknown one.
    private mutating func check(_ startLine: Message.StartLine, _ bytes: [UInt8]) {
        guard case .request(let method, let range, _) = startLine, let cSeq else { return }
        if method == cSeq.method, method != .other || bytes[range] == bytes[cSeq.methodRange] { return }
        if method == .other { blame(501, "Not Implemented") } else { blame(400, "CSeq Of Another Method") }
    }

    private mutating func body(_ bytes: [UInt8]) -> Range<Int> {
        guard let contentLength else { return position..<bytes.count }
        if contentLength > bytes.count - position {
            blame(400, "Body Shorter Than Content-Length")
            return position..<bytes.count
        }
        return position..<(position + contentLength)
    }
}
