import NetworkTypes
import Testing

@testable import OutboundProxy

@Suite struct RefusedINVITETests {
    @Test func `what was refused is known for 32 s, in bounded memory (security 31)`() {
        var refused = RefusedINVITEs()
        let start = Instant.zero + .seconds(1)
        #expect(refused.isEmpty(at: start))
        for tag in 0..<200_000 { refused.note(UInt64(tag), 503, at: start) }
        #expect(refused.count == 65_536)
        #expect(refused.status(of: 199_999, at: start) == 503 && refused.status(of: 134_464, at: start) == 503)
        #expect(refused.status(of: 134_463, at: start) == nil)
        refused.note(1, 486, at: start + .seconds(31))
        #expect(refused.status(of: 1, at: start + .seconds(40)) == 486)
        refused.note(2, 486, at: start + .seconds(32))
        #expect(refused.count == 2)
        refused.forget(at: start + .seconds(64))
        #expect(refused.count == 0 && refused.isEmpty(at: start + .seconds(64)))
    }
}
