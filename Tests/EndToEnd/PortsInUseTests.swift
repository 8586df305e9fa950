import NetworkTypes
import Testing

@testable import sallyport

@Suite("UDP ports in use")
struct UDPPortsInUseTests {
    @Test("All bound ports are seen, however long the kernel's list is")
    func many() throws {
        let peers = try (0..<300).map { _ in try LoopbackPeer() }
        let table = UDPPortsInUse.ofThisMachine()
        #expect(peers.allSatisfy { table.contains($0.address) })
    }
}
