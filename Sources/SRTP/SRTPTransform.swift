import NetworkTypes

/// What one direction of a session does to packets, their indexes given: the back end that libcrypto drives.
final class SRTPTransform {
    /// The flag and the index behind an RTCP packet (RFC 3711 §3.4).
    static let controlWordLength = 4
    static let encryptionFlag: UInt32 = 1 << 31
    /// What stays in the clear of an RTCP packet.
    static let controlHeaderLength = 8

    private enum Algorithms {
        case counterMode(media: CounterModeTransform, control: CounterModeTransform)
        case gcm(media: GCMTransform, control: GCMTransform)
    }

    private let algorithms: Algorithms
    private let mki: [UInt8]
    private let tagLength: Int
    private let controlTagLength: Int

    convenience init(_ keys: KeyingMaterial) throws(SRTPError) {
        try self.init(
            keys.suite, media: SessionKeys(keys, .media), control: SessionKeys(keys, .control), mki: keys.mki)
    }

    init(_ suite: CryptoSuite, media: SessionKeys, control: SessionKeys, mki: [UInt8] = []) throws(SRTPError) {
        algorithms =
            suite.isAEAD
            ? .gcm(media: try GCMTransform(media), control: try GCMTransform(control))
            : .counterMode(media: try CounterModeTransform(media), control: try CounterModeTransform(control))
        self.mki = mki
        tagLength = suite.tagLength
        controlTagLength = suite.controlTagLength
    }
}

// MARK: RTP

extension SRTPTransform {
    /// header | payload → header | encrypted payload | MKI | tag, and for GCM … | tag | MKI (RFC 7714 §8.2).
    func protect(
        _ slot: UnsafeMutableRawBufferPointer, _ length: Int, _ layout: PacketLayout, index: UInt64
    ) throws(SRTPError) -> Int {
        let text = slot.part(layout.headerLength..<length)
        let total = length + tagLength + mki.count
        switch algorithms {
        case .counterMode(let media, _):
            try media.crypt(text, ssrc: layout.ssrc, index: index)
            try media.seal(
                slot.part(0..<length), rollover: UInt32(truncatingIfNeeded: index >> 16),
                tag: slot.part(total - tagLength..<total))
            writeMKI(slot, at: length)
        case .gcm(let media, _):
            try media.seal(
                text, header: slot.part(0..<layout.headerLength), trailer: nil, ssrc: layout.ssrc, index: index,
                tag: slot.part(length..<length + tagLength))
            writeMKI(slot, at: length + tagLength)
        }
        return total
    }

    /// The length of the packet without MKI and tag; malformed when it is too short to have them.
    func plainLength(_ length: Int) throws(SRTPError) -> Int {
        let plain = length - tagLength - mki.count
        guard plain >= 0 else { throw .malformed }
        return plain
    }

    /// Verifies and decrypts `plain` octets that MKI and tag follow.
    func unprotect(
        _ slot: UnsafeMutableRawBufferPointer, _ plain: Int, _ layout: PacketLayout, index: UInt64
    ) throws(SRTPError) {
        let text = slot.part(layout.headerLength..<plain)
        switch algorithms {
        case .counterMode(let media, _):
            try checkMKI(slot, at: plain)
            let tag = plain + mki.count
            try media.verify(
                slot.part(0..<plain), rollover: UInt32(truncatingIfNeeded: index >> 16),
                tag: slot.part(tag..<tag + tagLength))
            try media.crypt(text, ssrc: layout.ssrc, index: index)
        case .gcm(let media, _):
            try checkMKI(slot, at: plain + tagLength)
            try media.open(
                text, header: slot.part(0..<layout.headerLength), trailer: nil, ssrc: layout.ssrc, index: index,
                tag: slot.part(plain..<plain + tagLength))
        }
    }
}

// MARK: RTCP

extension SRTPTransform {
    /// header | rest → header | encrypted rest | E, index | MKI | tag, and for GCM … | tag | E, index | MKI
    /// (RFC 3711 §3.4, RFC 7714 §9.2).
    func protectControl(
        _ slot: UnsafeMutableRawBufferPointer, _ length: Int, ssrc: UInt32, index: UInt64
    ) throws(SRTPError) -> Int {
        let word = Self.encryptionFlag | UInt32(truncatingIfNeeded: index)
        let text = slot.part(Self.controlHeaderLength..<length)
        let total = length + Self.controlWordLength + controlTagLength + mki.count
        switch algorithms {
        case .counterMode(_, let control):
            try control.crypt(text, ssrc: ssrc, index: index)
            slot.store(word, at: length)
            try control.seal(
                slot.part(0..<length + Self.controlWordLength), rollover: nil,
                tag: slot.part(total - controlTagLength..<total))
            writeMKI(slot, at: length + Self.controlWordLength)
        case .gcm(_, let control):
            let place = length + controlTagLength
            slot.store(word, at: place)
            try control.seal(
                text, header: slot.part(0..<Self.controlHeaderLength),
                trailer: slot.part(place..<place + Self.controlWordLength), ssrc: ssrc, index: index,
                tag: slot.part(length..<place))
            writeMKI(slot, at: place + Self.controlWordLength)
        }
        return total
    }

    /// The length of an RTCP packet without what SRTCP adds.
    func plainControlLength(_ length: Int) throws(SRTPError) -> Int {
        let plain = length - Self.controlWordLength - controlTagLength - mki.count
        guard plain >= Self.controlHeaderLength else { throw .malformed }
        return plain
    }

    /// The flag and the index of a packet whose RTCP part has `plain` octets.
    func controlWord(_ slot: UnsafeMutableRawBufferPointer, _ plain: Int) -> UInt32 {
        switch algorithms {
        case .counterMode: slot.word32(at: plain)
        case .gcm: slot.word32(at: plain + controlTagLength)
        }
    }

    /// Verifies and, where its flag says that it is encrypted, decrypts `plain` octets.
    func unprotectControl(
        _ slot: UnsafeMutableRawBufferPointer, _ plain: Int, ssrc: UInt32, word: UInt32
    ) throws(SRTPError) {
        let index = UInt64(word & ~Self.encryptionFlag)
        let isEncrypted = word & Self.encryptionFlag != 0
        switch algorithms {
        case .counterMode(_, let control):
            let end = plain + Self.controlWordLength
            try checkMKI(slot, at: end)
            let tag = end + mki.count
            try control.verify(slot.part(0..<end), rollover: nil, tag: slot.part(tag..<tag + controlTagLength))
            guard isEncrypted else { return }
            try control.crypt(slot.part(Self.controlHeaderLength..<plain), ssrc: ssrc, index: index)
        case .gcm(_, let control):
            let end = plain + controlTagLength
            try checkMKI(slot, at: end + Self.controlWordLength)
            let clear = isEncrypted ? Self.controlHeaderLength : plain
            try control.open(
                slot.part(clear..<plain), header: slot.part(0..<clear),
                trailer: slot.part(end..<end + Self.controlWordLength), ssrc: ssrc, index: index,
                tag: slot.part(plain..<end))
        }
    }
}

// MARK: Master key identifier

extension SRTPTransform {
    private func writeMKI(_ slot: UnsafeMutableRawBufferPointer, at place: Int) {
        if mki.isEmpty { return }
        slot.part(place..<place + mki.count).copyBytes(from: mki)
    }

    private func checkMKI(_ slot: UnsafeMutableRawBufferPointer, at place: Int) throws(SRTPError) {
        for (offset, octet) in mki.enumerated() where slot[place + offset] != octet { throw .authentication }
    }
}
